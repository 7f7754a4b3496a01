import { type AuditSink, type ObjectStore, toBytes } from "@ashlar/core";
import { allowList, memoryAuditSink, memoryObjectStore } from "@ashlar/core/memory";
import { describe, expect, expectTypeOf, it } from "vitest";
import { guarded, iterated } from "./guarded.ts";

class Registry {
  aliases = new Map<string, number>();
  promote(name: string, version: number): number {
    if (version < 0) throw Object.assign(new Error("secret text"), { code: "NO_SUCH_VERSION" });
    this.aliases.set(name, version);
    return version;
  }
  async drop(name: string): Promise<void> {
    this.aliases.delete(name);
  }
}

const grants = [{ principal: "User::ada", action: "Model::promote", resource: "*" }];
const failing: AuditSink = {
  append: async () => {
    throw new Error("disk full");
  },
};

function scene(principal: string, audit: AuditSink = memoryAuditSink()) {
  const service = new Registry();
  const safe = guarded(service, {
    authorizer: allowList(grants),
    audit,
    principal: () => principal,
    actions: {
      promote: (name, version) => ({ action: "Model::promote", resource: `Model::${name}`, details: { version } }),
    },
  });
  return { service, safe };
}

describe("guarded", () => {
  it("decides, records, acts and records", async () => {
    const audit = memoryAuditSink();
    const { service, safe } = scene("User::ada", audit);
    expect(await safe.promote("delay", 3)).toBe(3);
    expect(service.aliases.get("delay")).toBe(3);
    expect(audit.events).toMatchObject([
      { principal: "User::ada", action: "Model::promote", resource: "Model::delay", outcome: "allowed" },
      { outcome: "succeeded", details: { version: 3, method: "promote" } },
    ]);
    expectTypeOf(safe.promote).toEqualTypeOf<(name: string, version: number) => Promise<number>>();
  });

  it("refuses, says why, and records it", async () => {
    const audit = memoryAuditSink();
    const { service, safe } = scene("User::eve", audit);
    await expect(safe.promote("delay", 3)).rejects.toMatchObject({
      code: "ACCESS_DENIED",
      status: 403,
      message: expect.stringMatching(/^Refused: .*User::eve.* Ask for the permission/) as string,
    });
    expect(service.aliases.size).toBe(0);
    expect(audit.events).toMatchObject([{ principal: "User::eve", outcome: "refused" }]);
  });

  it("refuses methods that are not named, and passes on nothing but methods", async () => {
    const audit = memoryAuditSink();
    const { service, safe } = scene("User::ada", audit);
    service.aliases.set("delay", 1);
    await expect(safe.drop("delay")).rejects.toMatchObject({ code: "ACCESS_DENIED" });
    expect(service.aliases.size).toBe(1);
    expect(audit.events).toHaveLength(1);
    expect("aliases" in safe).toBe(false);
    expect(Object.keys(safe).sort()).toEqual(["drop", "promote"]);
  });

  it("does nothing that it cannot record, and refuses all the same", async () => {
    const allowed = scene("User::ada", failing);
    await expect(allowed.safe.promote("delay", 3)).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE", status: 503 });
    expect(allowed.service.aliases.size).toBe(0);
    await expect(scene("User::eve", failing).safe.promote("delay", 3)).rejects.toMatchObject({ code: "ACCESS_DENIED" });
  });

  it("tells when the action ran, and its outcome is not recorded", async () => {
    const kept = memoryAuditSink();
    const once: AuditSink = { append: (event) => (kept.events.length > 0 ? failing : kept).append(event) };
    const { service, safe } = scene("User::ada", once);
    await expect(safe.promote("delay", 3)).rejects.toMatchObject({ code: "AUDIT_INCOMPLETE", retryable: false });
    expect(service.aliases.get("delay")).toBe(3);
  });

  it("records a failure by its code, without the message", async () => {
    const audit = memoryAuditSink();
    await expect(scene("User::ada", audit).safe.promote("delay", -1)).rejects.toThrow("secret text");
    expect(audit.events.at(-1)).toMatchObject({ outcome: "failed", details: { error: "NO_SUCH_VERSION" } });
    expect(JSON.stringify(audit.events)).not.toContain("secret text");
  });

  it("refuses when the authorizer fails", async () => {
    const audit = memoryAuditSink();
    const broken = { decide: () => Promise.reject(new Error("no policies")) };
    const actions = { drop: (name: string) => ({ action: "Model::drop", resource: `Model::${name}` }) };
    const safe = guarded(new Registry(), { authorizer: broken, audit, principal: "User::ada", actions });
    await expect(safe.drop("delay")).rejects.toMatchObject({ code: "ACCESS_DENIED" });
    expect(audit.events).toMatchObject([{ outcome: "refused" }]);
  });

  it("guards what is iterated, from the first step", async () => {
    const audit = memoryAuditSink();
    const objects: ObjectStore = memoryObjectStore();
    await objects.put("models/a", new Uint8Array(3));
    const onObject = (action: string) => (key: string) => ({ action, resource: `Object::${key}` });
    const safe = guarded(objects, {
      authorizer: allowList([{ principal: "User::ada", action: "*", resource: "Object::models/" }]),
      audit,
      principal: "User::ada",
      actions: { list: iterated(onObject("Object::list")), get: onObject("Object::read") },
    });
    const keys: string[] = [];
    for await (const { key } of safe.list("models/")) keys.push(key);
    expect(keys).toEqual(["models/a"]);
    expect(audit.events.map(({ outcome }) => outcome)).toEqual(["allowed", "succeeded"]);
    await expect(safe.list("secrets/")[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "ACCESS_DENIED" });
    await expect(safe.get("models/a")).rejects.toMatchObject({ code: "ACCESS_DENIED" });
    expect(await toBytes(await (await objects.get("models/a")).bytes())).toHaveLength(3);
  });
});
