import { generateKeyPairSync } from "node:crypto";
import { cp, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ObjectStore } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openCheckpoint } from "./checkpoint.ts";
import { createAuditLog } from "./log.ts";
import { ed25519Signer, openNote, signNote } from "./note.ts";
import { verifyAuditLog } from "./verify.ts";

const { privateKey } = generateKeyPairSync("ed25519");
const signer = ed25519Signer({ name: "audit.example.com/test", privateKey });
const stranger = ed25519Signer({ name: signer.name, privateKey: generateKeyPairSync("ed25519").privateKey });
const { publicKey } = signer;

let root: string;
/** A log of three batches with two entries each, and the length of its file after each. */
let directory: string;
const ends: number[] = [];
const notes: string[] = [];

async function append(count: number, name = "delay", by = signer): Promise<void> {
  await using log = await createAuditLog({ directory, signer: by });
  const event = {
    principal: "User::ada",
    action: "Model::read",
    resource: `Model::${name}`,
    outcome: "allowed",
    at: 1,
  } as const;
  await Promise.all(Array.from({ length: count }, () => log.append(event)));
  notes.push(log.checkpoint());
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "ashlar-verify-"));
  directory = join(root, "log");
  for (let batch = 0; batch < 3; batch++) {
    await append(2);
    ends.push((await readFile(join(directory, "log"))).length);
  }
});
afterAll(() => rm(root, { recursive: true }));

let copies = 0;
async function copy(): Promise<string> {
  const to = join(root, `copy-${copies++}`);
  await cp(directory, to, { recursive: true });
  return to;
}

describe("verifyAuditLog", () => {
  it("takes a checkpoint that is published while it reads for what it is", async () => {
    const objects = memoryObjectStore();
    const log = await createAuditLog({ objects, signer });
    const event = { principal: "User::ada", action: "A::b", resource: "C::d", outcome: "allowed", at: 1 } as const;
    await log.append(event);
    // Closing the log publishes its checkpoint: here at the very moment at which it is looked for.
    let open = true;
    const growing: ObjectStore = {
      ...objects,
      async head(key, options) {
        if (open && key.endsWith("checkpoint")) {
          open = false;
          await log.append(event);
          await log[Symbol.asyncDispose]();
        }
        return objects.head(key, options);
      },
    };
    expect(await verifyAuditLog({ objects: growing, publicKey })).toMatchObject({ ok: true, size: 2, problems: [] });
  });

  it("finds a log that nobody touched whole, and anchored when a witness has its checkpoint", async () => {
    expect(await verifyAuditLog({ directory, publicKey })).toMatchObject({
      ok: true,
      size: 6,
      checkpoints: 4,
      anchored: false,
    });
    for (const trustedCheckpoint of notes) {
      expect(await verifyAuditLog({ directory, publicKey, trustedCheckpoint })).toMatchObject({
        ok: true,
        anchored: true,
      });
    }
    const objects = memoryObjectStore();
    const log = await createAuditLog({ objects, signer });
    await log.append({ principal: "User::ada", action: "A::b", resource: "C::d", outcome: "refused", at: 1 });
    await log[Symbol.asyncDispose]();
    expect(await verifyAuditLog({ objects, publicKey })).toMatchObject({ ok: true, size: 1 });
    await objects.delete("audit/batches/0000000000000000");
    expect(await verifyAuditLog({ objects, publicKey })).toMatchObject({ ok: false });
    await expect(createAuditLog({ objects, signer })).rejects.toMatchObject({ code: "AUDIT_LOG_CORRUPT" });
  });

  it("catches a flip of any byte of the log, and of the checkpoint beside it", async () => {
    const missed: string[] = [];
    for (const file of ["log", "checkpoint"]) {
      const harmed = await copy();
      const path = join(harmed, file);
      const bytes = await readFile(path);
      for (let index = 0; index < bytes.length; index++) {
        bytes[index] = (bytes[index] ?? 0) ^ 0x20;
        await writeFile(path, bytes);
        const { ok } = await verifyAuditLog({ directory: harmed, publicKey });
        bytes[index] = (bytes[index] ?? 0) ^ 0x20;
        if (ok) missed.push(`byte ${index} of ${file}`);
      }
    }
    expect(missed).toEqual([]);
  }, 60_000);

  it("catches batches that were moved, doubled, or taken out", async () => {
    const whole = await readFile(join(directory, "log"));
    const [a = 0, b = 0] = ends;
    const [first, second, third] = [whole.subarray(0, a), whole.subarray(a, b), whole.subarray(b)];
    for (const parts of [
      [first, third, second],
      [first, second, second, third],
      [first, third],
      [second, third],
    ]) {
      const harmed = await copy();
      await writeFile(join(harmed, "log"), Buffer.concat(parts));
      expect((await verifyAuditLog({ directory: harmed, publicKey })).ok).toBe(false);
    }
  });

  it("catches a tail cut by the checkpoint beside the log, or by a witness's when that was cut too", async () => {
    const cut = await copy();
    await truncate(join(cut, "log"), ends[1]);
    const beside = await verifyAuditLog({ directory: cut, publicKey });
    expect(beside.problems).toEqual([expect.stringMatching(/beside.*6 entries, but 4.*the end was cut/)]);
    await writeFile(join(cut, "checkpoint"), notes[1] ?? "");
    expect((await verifyAuditLog({ directory: cut, publicKey })).ok).toBe(true);
    const anchored = await verifyAuditLog({ directory: cut, publicKey, trustedCheckpoint: notes[2] ?? "" });
    expect(anchored.problems).toEqual([expect.stringMatching(/trusted.*the end was cut/)]);
    await rm(join(cut, "checkpoint"));
    expect((await verifyAuditLog({ directory: cut, publicKey })).problems).toEqual([expect.stringMatching(/missing/)]);
  });

  it("catches a log that was written again by the holder of the key, by a witness's checkpoint", async () => {
    const original = directory;
    directory = join(root, "fork");
    await append(6, "other");
    const fork = directory;
    directory = original;
    expect((await verifyAuditLog({ directory: fork, publicKey })).ok).toBe(true);
    const witnessed = await verifyAuditLog({ directory: fork, publicKey, trustedCheckpoint: notes[2] ?? "" });
    expect(witnessed.problems).toEqual([expect.stringMatching(/trusted.*not those it is over/)]);
  });

  it("refuses another key, another origin, and a key that is none", async () => {
    expect((await verifyAuditLog({ directory, publicKey: stranger.publicKey })).ok).toBe(false);
    expect((await verifyAuditLog({ directory, publicKey, origin: "another" })).ok).toBe(false);
    await expect(createAuditLog({ directory, signer: stranger })).rejects.toMatchObject({ code: "NOTE_INVALID" });
    for (const bad of ["", "name+00000000+AAAA", publicKey.replace(/\+.{8}\+/, "+00000000+")]) {
      await expect(verifyAuditLog({ directory, publicKey: bad })).rejects.toMatchObject({ code: "NOTE_INVALID" });
    }
  });
});

describe("signed notes", () => {
  it("opens the example of C2SP signed-note", () => {
    const key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const text =
      "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    const signature = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
    expect(openNote(`${text}\n— PeterNeumann ${signature}\n`, key)).toBe(text);
    expect(() => openNote(`${text}x\n\n— PeterNeumann ${signature}\n`, key)).toThrow(/wrong/);
  });

  it("passes over the signatures of others, and needs one of its own", async () => {
    const note = await signNote("a\n1\n", signer);
    const theirs = (await signNote("a\n1\n", stranger)).split("\n\n")[1] ?? "";
    expect(openNote(note + theirs, publicKey)).toBe("a\n1\n");
    expect(() => openNote(`a\n1\n\n${theirs}`, publicKey)).toThrow(expect.objectContaining({ code: "NOTE_INVALID" }));
    expect(() => openNote("a\n1\n", publicKey)).toThrow(expect.objectContaining({ code: "NOTE_INVALID" }));
  });

  it("are checkpoints only with an origin, a size and a root", async () => {
    for (const text of ["a\n", "a\n01\nAAAA\n", "a\n1\nAAAA\n", "a\n-1\nAAAA\n"]) {
      const note = await signNote(text, signer);
      expect(() => openCheckpoint(note, { publicKey })).toThrow(expect.objectContaining({ code: "NOTE_INVALID" }));
    }
  });

  it("need an Ed25519 key and a name", () => {
    const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    const refusal = expect.objectContaining({ code: "SIGNING_KEY_INVALID" }) as Error;
    expect(() => ed25519Signer({ name: "a", privateKey: ec })).toThrow(refusal);
    expect(() => ed25519Signer({ name: "a b", privateKey })).toThrow(refusal);
  });
});
