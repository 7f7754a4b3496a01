export { describeOfflineEngine, type OfflineEngineSuite } from "./offline-engine.ts";
export { arrowTable } from "./tables.ts";
