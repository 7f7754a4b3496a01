import { describeOnlineStore } from "../testing/index.ts";
import { memory } from "./memory.ts";

describeOnlineStore("memory", { create: () => memory() });
