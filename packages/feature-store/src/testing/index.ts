export { describeOfflineEngine, type OfflineEngineSuite } from "./offline-engine.ts";
export { describeOnlineStore, type OnlineStoreSuite } from "./online-store.ts";
export { arrowTable } from "./tables.ts";
