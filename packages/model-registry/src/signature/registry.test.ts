import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { memoryObjectStore } from "@ashlar/core/memory";
import { beforeEach, describe, expect, it } from "vitest";
import {
  createModelRegistry,
  metricAtLeast,
  type ModelRegistry,
  type ModelRegistryOptions,
  objectStoreArtifacts,
  signed,
  sqlite,
  verifyModelSignature,
} from "../index.ts";
import { gateOf } from "../gate/spec.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const pair = (namedCurve = "P-256"): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } =>
  generateKeyPairSync("ec", { namedCurve });
const request = { files: { "a.bin": bytes("a"), "d/b.bin": bytes("b") }, author: "ada" };

describe("a registry that signs", () => {
  const { publicKey, privateKey } = pair();
  const other = pair();
  let objects: ReturnType<typeof memoryObjectStore>;
  let database: ReturnType<typeof sharedDatabase>;

  // One database that outlives the registries of a test, as a file would.
  function sharedDatabase(): { readonly open: ModelRegistryOptions["database"] } {
    const opened = sqlite({ path: ":memory:" })();
    return { open: () => opened };
  }

  beforeEach(() => {
    objects = memoryObjectStore();
    database = sharedDatabase();
  });

  const registryOf = (options: Partial<ModelRegistryOptions>): ModelRegistry =>
    createModelRegistry({ database: database.open, artifacts: objectStoreArtifacts(objects), ...options });
  const keyOf = (digest: string): string => `blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}`;

  it("signs each version, outside its digest, and loads what a trusted key signed", async () => {
    const registry = registryOf({ signing: { key: privateKey }, trustedKeys: [other.publicKey, publicKey] });
    const first = await registry.register("delay", request);
    const second = await registry.register("delay", request);
    expect(first.signature?.keyHint).toMatch(/^[0-9a-f]{64}$/);
    expect(second.digest).toBe(first.digest);
    expect(second.signature?.bundleDigest).not.toBe(first.signature?.bundleDigest);
    expect((await registry.get("delay/1")).signature).toEqual(first.signature);
    const bundle = await registry.signature("delay", 1);
    expect(verifyModelSignature(bundle, first, [publicKey])).toEqual({ keyHint: first.signature?.keyHint });
    const model = await registry.load("delay/1");
    expect(new TextDecoder().decode(await model.file("d/b.bin").bytes())).toBe("b");
    expect(await model.signature()).toEqual(bundle);
  });

  it("refuses to load what is not signed, and what others signed", async () => {
    const unsigned = registryOf({});
    const theirs = registryOf({ signing: { key: other.privateKey } });
    const strict = registryOf({ trustedKeys: [publicKey.export({ type: "spki", format: "pem" }).toString()] });
    expect(await unsigned.register("delay", request)).not.toHaveProperty("signature");
    await theirs.register("delay", request);
    await expect(strict.load("delay/1")).rejects.toMatchObject({ code: "SIGNATURE_MISSING", status: 403 });
    await expect(strict.load("delay/2")).rejects.toMatchObject({ code: "SIGNATURE_INVALID", status: 403 });
    await expect(strict.signature("delay", 1)).rejects.toMatchObject({ code: "SIGNATURE_MISSING" });
    expect(await (await unsigned.load("delay/1")).signature()).toBeUndefined();
    expect((await unsigned.load("delay/2")).version.number).toBe(2);
  });

  it("refuses the signature of other files, of another model, and a damaged or missing one", async () => {
    const registry = registryOf({ signing: { key: privateKey }, trustedKeys: [publicKey] });
    await registry.register("delay", request);
    await registry.register("delay", { ...request, files: { "a.bin": bytes("c") } });
    await registry.register("fare", request);
    const rows = await database.open();
    const swap = (model: string, number: number, from: string, fromNumber: number): Promise<unknown> =>
      rows.run(
        `UPDATE registry_version SET signature_digest =
           (SELECT signature_digest FROM registry_version WHERE model = ? AND number = ?)
         WHERE model = ? AND number = ?`,
        [from, fromNumber, model, number],
      );
    await swap("delay", 1, "delay", 2);
    await expect(registry.load("delay/1")).rejects.toMatchObject({ code: "SIGNATURE_INVALID" });
    await swap("delay", 1, "fare", 1);
    await expect(registry.load("delay/1")).rejects.toThrow('it was signed as "fare"');

    const digest = (await registry.get("fare/1")).signature?.bundleDigest ?? "";
    await objects.put(keyOf(digest), bytes("{}"));
    await expect(registry.load("fare/1")).rejects.toMatchObject({ code: "ARTIFACT_CORRUPT" });
    await objects.delete(keyOf(digest));
    await expect(registry.load("fare/1")).rejects.toMatchObject({ code: "ARTIFACT_MISSING" });
    await rows.run("UPDATE registry_version SET signature_digest = ? WHERE model = 'fare'", [
      (await registry.get("fare/1")).files[0]?.digest ?? "",
    ]);
    await expect(registry.load("fare/1")).rejects.toMatchObject({ code: "SIGNATURE_INVALID" });
  });

  it("leaves an existing version the signature it has, and signs nothing again", async () => {
    let calls = 0;
    const signer = {
      publicKey,
      sign: ({ message, hash }: { message: Uint8Array; hash: string }) => {
        calls++;
        return sign(hash, message, privateKey);
      },
    };
    await registryOf({}).register("delay", request);
    const registry = registryOf({ signing: { key: signer } });
    const reuse = { ...request, ifUnchanged: "reuse" } as const;
    const made = await registry.register("delay", reuse);
    expect(made).toMatchObject({ number: 2, created: true });
    expect(await registry.register("delay", reuse)).toEqual({ ...made, created: false });
    const rotated = registryOf({ signing: { key: other.privateKey } });
    expect(await rotated.register("delay", reuse)).toEqual({ ...made, created: false });
    expect(await registryOf({}).register("delay", reuse)).toEqual({ ...made, created: false });
    const keyed = { ...request, idempotencyKey: "once" };
    const once = await registry.register("delay", keyed);
    expect(await registry.register("delay", keyed)).toEqual({ ...once, created: false });
    expect(calls).toBe(2);
  });

  it("lets racing registrations of one model agree on one signature", async () => {
    const registry = registryOf({ signing: { key: privateKey }, trustedKeys: [publicKey] });
    const racers = Array.from({ length: 8 }, () => registry.register("delay", { ...request, ifUnchanged: "reuse" }));
    const signatures = (await Promise.all(racers)).map(({ signature }) => signature?.bundleDigest);
    expect(new Set(signatures).size).toBe(1);
    expect((await registry.versions("delay")).items).toHaveLength(1);
    await registry.load("delay/1");
  });

  it("promotes through signed() only what a trusted key signed", async () => {
    const registry = registryOf({
      signing: { key: privateKey },
      trustedKeys: [publicKey],
      protectedAliases: { champion: { gates: [signed()] } },
    });
    await registry.register("delay", request);
    await registryOf({ signing: { key: other.privateKey } }).register("delay", request);
    await registryOf({}).register("delay", request);
    const promotion = { alias: "champion", expected: undefined, by: "bob" };
    for (const [to, reason] of [
      [2, "not trusted"],
      [3, "is not signed"],
    ] as const) {
      await expect(registry.promote("delay", { ...promotion, to })).rejects.toMatchObject({
        code: "GATE_FAILED",
        details: { gate: "signed", reason: expect.stringContaining(reason) as string },
      });
    }
    const unsure = registryOf({}).promote("delay", { ...promotion, to: 1, gates: [gateOf({ gate: "signed" })] });
    await expect(unsure).rejects.toThrow("the registry has no trustedKeys");
    const { gates } = await registry.promote("delay", { ...promotion, to: 1 });
    const { signature } = await registry.get("delay/1");
    expect(gates).toMatchObject([{ gate: "signed", passed: true, value: signature?.keyHint }]);
    const both = registry.promote("delay", { ...promotion, to: 3, expected: 1, gates: [metricAtLeast("auc", 1)] });
    await expect(both).rejects.toMatchObject({ details: { gate: "signed" } });
  });

  it("makes no version when the signer fails, and asks no signer for a name that cannot be exported", async () => {
    const digestSigner = (key: KeyObject) => ({
      publicKey,
      sign: ({ message }: { message: Uint8Array }) => sign("sha256", message, { key, dsaEncoding: "ieee-p1363" }),
    });
    const wrong = {
      publicKey,
      sign: ({ message }: { message: Uint8Array }) => sign("sha256", message, other.privateKey),
    };
    for (const key of [digestSigner(privateKey), wrong]) {
      const registering = registryOf({ signing: { key } }).register("delay", request);
      await expect(registering).rejects.toMatchObject({ code: "SIGNING_FAILED" });
    }
    const down = { publicKey, sign: () => Promise.reject(new Error("the key service is down")) };
    await expect(registryOf({ signing: { key: down } }).register("delay", request)).rejects.toThrow("is down");
    const files = { ...request.files, "Model.SIG": bytes("") };
    const named = registryOf({ signing: { key: down } }).register("delay", { files, author: "ada" });
    await expect(named).rejects.toMatchObject({ code: "FILE_NAME_INVALID" });
    await expect(registryOf({}).get("delay/1")).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
  });

  it("refuses keys it cannot use before it is made", () => {
    const code = "SIGNING_KEY_INVALID";
    const throwing = expect.objectContaining({ code }) as Error;
    const ed = generateKeyPairSync("ed25519");
    expect(() => registryOf({ signing: { key: ed.privateKey } })).toThrow(throwing);
    expect(() => registryOf({ signing: { key: publicKey } })).toThrow(throwing);
    expect(() => registryOf({ trustedKeys: [pair("secp256k1").publicKey] })).toThrow(throwing);
    expect(() => registryOf({ trustedKeys: ["no key"] })).toThrow(throwing);
    const invalid = expect.objectContaining({ code: "REQUEST_INVALID" }) as Error;
    expect(() => registryOf({ trustedKeys: [] })).toThrow(invalid);
    expect(() => registryOf({ signing: { key: privateKey }, trustedKeys: [other.publicKey] })).toThrow(invalid);
  });
});
