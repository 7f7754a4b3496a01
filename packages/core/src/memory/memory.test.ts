import { systemClock } from "../clock.ts";
import type { AuditSink, LineageSink } from "../index.ts";
import {
  describeAuditSink,
  describeAuthorizer,
  describeClock,
  describeKeyProvider,
  describeLineageSink,
  describeObjectStore,
  describeSecretSource,
} from "../testing/index.ts";
import {
  allowList,
  manualClock,
  type ManualClock,
  type MemoryAuditSink,
  memoryAuditSink,
  memoryKeyProvider,
  type MemoryLineageSink,
  memoryLineageSink,
  memoryObjectStore,
  memorySecretSource,
} from "./index.ts";

describeObjectStore("memory", { create: memoryObjectStore, capabilities: { conditionalPut: true, rangeRead: true } });
describeKeyProvider("memory", { create: memoryKeyProvider });
describeAuditSink("memory", {
  create: memoryAuditSink,
  read: async (sink: AuditSink) => (sink as MemoryAuditSink).events,
});
describeLineageSink("memory", {
  create: memoryLineageSink,
  read: async (sink: LineageSink) => (sink as MemoryLineageSink).events,
});
describeSecretSource("memory", { create: () => memorySecretSource({ database: ["first"] }) });
describeClock("system", { create: () => systemClock, pass: (clock, ms) => clock.sleep(ms) });
describeClock("manual", {
  create: () => manualClock(1_000_000),
  pass: async (clock, ms) => (clock as ManualClock).advance(ms),
});

const promotion = { principal: "User::ada", action: "Model::promote", resource: "Model::delay" };
describeAuthorizer("allow list", {
  create: () => allowList([promotion]),
  allowed: promotion,
  refused: { ...promotion, principal: "User::eve" },
});
