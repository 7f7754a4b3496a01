import { spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { appendFile, cp, mkdtemp, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AuditEvent, ObjectStore } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import { describeAuditSink } from "@ashlar/core/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeEvent } from "./event.ts";
import { openCheckpoint } from "./checkpoint.ts";
import { type AuditEntry, type AuditLog, createAuditLog } from "./log.ts";
import { leafHash } from "./merkle.ts";
import { ed25519Signer } from "./note.ts";
import { verifyConsistency, verifyInclusion } from "./proof.ts";
import { verifyAuditLog } from "./verify.ts";

const { privateKey } = generateKeyPairSync("ed25519");
const signer = ed25519Signer({ name: "audit.example.com/test", privateKey });
const { publicKey } = signer;
let root: string;
let count = 0;
beforeAll(async () => void (root = await mkdtemp(join(tmpdir(), "ashlar-audit-"))));
afterAll(() => rm(root, { recursive: true }));
const folder = (): string => join(root, String(count++));

const event = (n: number): AuditEvent => ({
  principal: "User::ada",
  action: "Model::promote",
  resource: `Model::${n}`,
  outcome: "allowed",
  at: 1_000 + n,
});
const collect = async (entries: AsyncIterable<AuditEntry>): Promise<AuditEntry[]> => {
  const all: AuditEntry[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
};
const read = async (log: AuditLog): Promise<AuditEvent[]> => (await collect(log.entries())).map(({ event }) => event);

describeAuditSink("audit log in a folder", {
  create: () => createAuditLog({ directory: folder(), signer }),
  read: (sink) => read(sink as AuditLog),
});
describeAuditSink("audit log in an object store", {
  create: () => createAuditLog({ objects: memoryObjectStore(), signer }),
  read: (sink) => read(sink as AuditLog),
});

async function written(directory: string, sizes: readonly number[]): Promise<string> {
  await using log = await createAuditLog({ directory, signer });
  let n = 0;
  for (const size of sizes) await Promise.all(Array.from({ length: size }, () => log.append(event(n++))));
  return log.checkpoint();
}

describe("audit log", () => {
  it("goes on where it was left, and proves what it holds", async () => {
    const directory = folder();
    const older = openCheckpoint(await written(directory, [1, 3, 2]), { publicKey });
    await using log = await createAuditLog({ directory, signer });
    expect(log.size).toBe(6);
    expect(await log.append(event(6))).toEqual({ index: 6 });
    const newer = openCheckpoint(log.checkpoint(), { publicKey });
    expect(newer).toMatchObject({ origin: signer.name, size: 7 });
    for (let index = 0; index < 7; index++) {
      const proof = log.inclusionProof(index);
      expect(proof.leafHash).toEqual(leafHash(encodeEvent(event(index))));
      expect(verifyInclusion(proof, newer.root)).toBe(true);
    }
    expect(verifyConsistency(log.consistencyProof(6), { from: older.root, to: newer.root })).toBe(true);
    expect((await collect(log.entries({ from: 2, to: 5 }))).map(({ index }) => index)).toEqual([2, 3, 4]);
    expect(() => log.inclusionProof(7)).toThrow(expect.objectContaining({ code: "PROOF_OUT_OF_RANGE" }));
    expect(() => log.consistencyProof(3, 9)).toThrow(expect.objectContaining({ code: "PROOF_OUT_OF_RANGE" }));
  });

  it("has one writer", async () => {
    const directory = folder();
    await using log = await createAuditLog({ directory, signer });
    await expect(createAuditLog({ directory, signer })).rejects.toMatchObject({ code: "AUDIT_LOG_IN_USE" });
    const objects = memoryObjectStore();
    const first = await createAuditLog({ objects, signer });
    const second = await createAuditLog({ objects, signer });
    await first.append(event(0));
    await expect(second.append(event(0))).rejects.toMatchObject({
      code: "AUDIT_UNAVAILABLE",
      cause: { code: "AUDIT_LOG_IN_USE" },
    });
    expect(log.size).toBe(0);
  });

  it.each([1, 5, 40, 150])("cuts a write torn after %i bytes, and nothing that was told saved", async (torn) => {
    const directory = folder();
    const checkpoint = await written(directory, [2, 2]);
    const { size } = await stat(join(directory, "log"));
    const twin = folder();
    await cp(directory, twin, { recursive: true });
    await written(twin, [3]);
    const next = (await readFile(join(twin, "log"))).subarray(size, size + torn);
    await appendFile(join(directory, "log"), next);
    await using log = await createAuditLog({ directory, signer });
    expect(log.recoveredBytes).toBe(torn);
    expect(log.checkpoint()).toBe(checkpoint);
    await log.append(event(4));
    expect(await read(log)).toEqual([0, 1, 2, 3, 4].map(event));
  });

  it("does not open over entries that were altered or lost", async () => {
    for (const harm of [
      async (path: string) => truncate(path, 60),
      async (path: string) => {
        const bytes = await readFile(path);
        bytes[400] = (bytes[400] ?? 0) ^ 1;
        await writeFile(path, bytes);
      },
    ]) {
      const directory = folder();
      await written(directory, [2, 2, 2]);
      await harm(join(directory, "log"));
      const before = await readFile(join(directory, "log"));
      await expect(createAuditLog({ directory, signer })).rejects.toMatchObject({ code: "AUDIT_LOG_CORRUPT" });
      expect(await readFile(join(directory, "log"))).toEqual(before);
    }
  });

  it("takes no more records after a write has failed", async () => {
    const objects = memoryObjectStore();
    let broken = false;
    const flaky: ObjectStore = {
      capabilities: objects.capabilities,
      get: (key, options) => objects.get(key, options),
      head: (key, options) => objects.head(key, options),
      delete: (key, options) => objects.delete(key, options),
      list: (prefix, options) => objects.list(prefix, options),
      put: async (key, body, options) => {
        if (broken) throw new Error("disk full");
        return objects.put(key, body, options);
      },
    };
    const log = await createAuditLog({ objects: flaky, signer });
    await log.append(event(0));
    broken = true;
    const attempts = await Promise.allSettled([log.append(event(1)), log.append(event(2))]);
    for (const attempt of attempts) {
      expect(attempt).toMatchObject({ status: "rejected", reason: { code: "AUDIT_UNAVAILABLE" } });
    }
    broken = false;
    await expect(log.append(event(3))).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    expect(log.size).toBe(1);
    await log[Symbol.asyncDispose]();
    await using again = await createAuditLog({ objects, signer });
    expect(await read(again)).toEqual([event(0)]);
  });

  it.each([
    ["details", { ...event(0), details: { at: 1n } }],
    ["details", { ...event(0), details: { score: Number.NaN } }],
    ["details", { ...event(0), details: { when: new Date() } }],
    ["details", { ...event(0), details: JSON.parse('{"__proto__":1}') as Record<string, unknown> }],
    ["principal", { ...event(0), principal: "" }],
    ["resource", { ...event(0), resource: "\ud800" }],
    ["at", { ...event(0), at: 1.5 }],
    ["at", { ...event(0), at: -1 }],
    ["it", { ...event(0), details: { text: "x".repeat(2 ** 20) } }],
  ])("refuses an event whose %s JSON or the log cannot hold", async (field, bad) => {
    await using log = await createAuditLog({ objects: memoryObjectStore(), signer });
    await expect(log.append(bad)).rejects.toMatchObject({
      code: "AUDIT_EVENT_INVALID",
      details: { field: expect.stringContaining(field) as string },
    });
    expect(log.size).toBe(0);
  });

  it("loses no acknowledged record to kill -9", async () => {
    const directory = folder();
    for (let round = 0; round < 3; round++) {
      const script = new URL("../../test/append-until-killed.ts", import.meta.url);
      const pem = privateKey.export({ type: "pkcs8", format: "pem" }) as string;
      const child = spawn(process.execPath, [...process.execArgv, script.pathname, directory, pem]);
      const acknowledged: number[] = [];
      let partial = "";
      const enough = Promise.withResolvers<void>();
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        const lines = (partial + text).split("\n");
        partial = lines.pop() ?? "";
        acknowledged.push(...lines.map(Number));
        if (acknowledged.length > 200) enough.resolve();
      });
      child.once("exit", () => enough.resolve());
      await enough.promise;
      child.kill("SIGKILL");
      await new Promise((resolve) => child.once("close", resolve));
      expect(acknowledged.length).toBeGreaterThan(200);
      await using log = await createAuditLog({ directory, signer });
      const kept = await read(log);
      expect(log.size).toBeGreaterThan(Math.max(...acknowledged));
      for (const index of acknowledged) expect(kept[index]?.resource).toMatch(/^Model::\d+$/);
    }
    const verification = await verifyAuditLog({ directory, publicKey });
    expect(verification.problems).toEqual([]);
  });
});
