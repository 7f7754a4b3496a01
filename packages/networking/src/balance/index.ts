export { leastLoaded } from "./least-loaded.ts";
