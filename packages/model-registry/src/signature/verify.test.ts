import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { encodeManifest } from "../artifact/manifest.ts";
import { isAshlarError } from "@ashlar/core";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { encodeBundle, maxBundleBytes, signedMessage } from "./bundle.ts";
import { verificationKey } from "./key.ts";
import { signingWith } from "./sign.ts";
import { encodeStatement, type SignedFile } from "./statement.ts";
import { verifyModelSignature } from "./verify.ts";

type Fields = Record<string, unknown>;

const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
const { hint } = verificationKey(publicKey);

const hex = (text: string): string => createHash("sha256").update(text).digest("hex");
const file = (name: string, content = name): SignedFile => ({ name, digest: `sha256:${hex(content)}` });
const files = [file("a.b/c"), file("a/b"), file("z\u{1f600}"), file("z\u{ff5e}")];
const subject = { name: "delay", files };

const decode = (bytes: Uint8Array): Fields => JSON.parse(new TextDecoder().decode(bytes)) as Fields;
const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const bundleOf = (payload: Uint8Array, key: KeyObject = privateKey, keyHint: string | undefined = hint): Uint8Array =>
  encodeBundle({ payload, signature: sign("sha256", signedMessage(payload), key), keyHint });
/** Why it is refused; undefined when it is not. */
const refusal = (
  bundle: Uint8Array,
  about: { readonly name: string; readonly files: readonly SignedFile[] } = subject,
): string | undefined => {
  try {
    verifyModelSignature(bundle, about, [publicKey]);
    return undefined;
  } catch (error) {
    return isAshlarError(error, "SIGNATURE_INVALID") && error.status === 403
      ? error.message
      : `not refused: ${String(error)}`;
  }
};

describe("a model signature", () => {
  let bundle: Uint8Array;
  beforeAll(async () => void (bundle = await signingWith(privateKey).sign(subject)));

  it("is a Sigstore bundle v0.3 over the statement of OpenSSF model-signing", () => {
    const { payload, signatures, payloadType } = decode(bundle)["dsseEnvelope"] as Record<string, string>;
    expect(decode(bundle)).toMatchObject({
      mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      verificationMaterial: { publicKey: { hint }, tlogEntries: [] },
    });
    expect(payloadType).toBe("application/vnd.in-toto+json");
    expect(signatures).toMatchObject([{ keyid: "" }]);
    expect(hint).toBe(hex(publicKey.export({ type: "spki", format: "pem" }).toString()));
    // Path components first, then code points: the library's order, which sorting by text or UTF-16 is not.
    const names = ["a/b", "a.b/c", "z\u{ff5e}", "z\u{1f600}"];
    const root = createHash("sha256");
    for (const name of names) root.update(Buffer.from(hex(name), "hex"));
    expect(decode(Buffer.from(payload ?? "", "base64"))).toEqual({
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ name: "delay", digest: { sha256: root.digest("hex") } }],
      predicateType: "https://model_signing/signature/v1.0",
      predicate: {
        serialization: { method: "files", hash_type: "sha256", allow_symlinks: false, ignore_paths: ["model.sig"] },
        resources: names.map((name) => ({ name, algorithm: "sha256", digest: hex(name) })),
      },
    });
  });

  it.for(["P-256", "P-384", "P-521"])("made with %s is verified, with PEM text or KeyObject", async (namedCurve) => {
    const keys = generateKeyPairSync("ec", { namedCurve });
    const signed = await signingWith(keys.privateKey).sign(subject);
    for (const key of [keys.publicKey, keys.privateKey, keys.publicKey.export({ type: "spki", format: "pem" })]) {
      const trusted = [publicKey, typeof key === "string" || !Buffer.isBuffer(key) ? key : key.toString()];
      expect(verifyModelSignature(signed, subject, trusted).keyHint).toBe(verificationKey(keys.publicKey).hint);
    }
  });

  it("is refused when another key made it, whatever it says of its key", () => {
    const payload = encodeStatement(subject);
    expect(refusal(bundleOf(payload, other.privateKey, verificationKey(other.publicKey).hint))).toMatch("not trusted");
    expect(refusal(bundleOf(payload, other.privateKey))).toMatch("not that of a trusted key");
    expect(refusal(bundleOf(payload, privateKey, verificationKey(other.publicKey).hint))).toMatch("not trusted");
    expect(refusal(bundleOf(payload, other.privateKey, ""))).toMatch("not that of a trusted key");
    expect(verifyModelSignature(bundleOf(payload, privateKey, ""), subject, [other.publicKey, publicKey])).toEqual({
      keyHint: hint,
    });
    expect(() => verifyModelSignature(bundle, subject, [])).toThrow("not trusted");
  });

  it("is refused when a file is missing, added or changed, or it has another name", () => {
    expect(refusal(bundle, { ...subject, files: files.toSpliced(1, 1) })).toMatch(/"a\/b" is signed and not there/);
    expect(refusal(bundle, { ...subject, files: [...files, file("evil.py")] })).toMatch(/"evil.py" is not signed/);
    expect(refusal(bundle, { ...subject, files: files.with(0, file("a.b/c", "x")) })).toMatch(
      /signed with other bytes/,
    );
    expect(refusal(bundle, { ...subject, files: [...files, file("a/b")] })).toMatch(/not signed/);
    expect(refusal(bundle, { ...subject, name: "fare" })).toMatch(/signed as "delay"/);
  });

  it("is refused when its payload was changed after it was signed", () => {
    const tampered = decode(bundle);
    const envelope = tampered["dsseEnvelope"] as Fields;
    envelope["payload"] = Buffer.from(encodeStatement({ name: "delay", files: files.slice(1) })).toString("base64");
    expect(refusal(encode(tampered), { ...subject, files: files.slice(1) })).toMatch("not that of a trusted key");
  });

  // All of these are signed by the trusted key: what it signs must still be what it says it is.
  it.for<[string, (statement: Fields, predicate: Fields, resources: Fields[]) => void, RegExp]>([
    ["reordered resources", (_s, _p, resources) => void resources.reverse(), /root digest/],
    ["a duplicate name", (_s, p, resources) => void (p["resources"] = [...resources, resources[0]]), /signed twice/],
    ["two subjects", (s) => void (s["subject"] = [s["subject"], s["subject"]].flat()), /exactly one subject/],
    ["no subject name", (s) => void delete (s["subject"] as Fields[])[0]?.["name"], /no name/],
    ["another predicate", (s) => void (s["predicateType"] = "https://model_signing/Digests/v0.1"), /Digests/],
    ["another statement", (s) => void (s["_type"] = "https://in-toto.io/Statement/v0.1"), /v0\.1/],
    ["shards", (_s, p) => void (p["serialization"] = { method: "shards", hash_type: "sha256" }), /shards/],
    ["blake3", (_s, p) => void (p["serialization"] = { method: "files", hash_type: "blake3" }), /blake3/],
    ["another algorithm", (_s, _p, r) => void (r[0]!["algorithm"] = "sha1"), /resource at 0/],
    ["an upper-case digest", (_s, _p, r) => void (r[1]!["digest"] = "AA".repeat(32)), /resource at 1/],
    ["no resources", (_s, p) => void delete p["resources"], /must be a list/],
    ["too many resources", (_s, p) => void (p["resources"] = Array.from({ length: 10_001 })), /at most 10000/],
    ["a name that leaves the folder", (_s, _p, r) => void (r[0]!["name"] = "../a"), /is not signed/],
  ])("with %s is refused", ([, change, reason]) => {
    const statement = decode(encodeStatement(subject));
    const predicate = statement["predicate"] as Fields;
    change(statement, predicate, predicate["resources"] as Fields[]);
    expect(refusal(bundleOf(encode(statement)))).toMatch(reason);
  });

  it("may say more than is known: fields of the future are ignored", () => {
    const statement = decode(encodeStatement(subject));
    (statement["predicate"] as Fields)["license"] = "Apache-2.0";
    expect(verifyModelSignature(bundleOf(encode(statement)), subject, [publicKey])).toEqual({ keyHint: hint });
  });

  it.for<[string, (bundle: Fields, material: Fields, envelope: Fields) => void, RegExp]>([
    ["another media type", (b) => void (b["mediaType"] = "application/json"), /of the type/],
    ["a certificate", (b) => void (b["verificationMaterial"] = { certificate: {} }), /certificate/],
    ["a certificate beside the key", (_b, m) => void (m["certificate"] = {}), /certificate/],
    ["a hint that is no text", (_b, m) => void (m["publicKey"] = { hint: 1 }), /hint/],
    ["no envelope", (b) => void delete b["dsseEnvelope"], /payload is of the type nothing/],
    ["another payload type", (_b, _m, e) => void (e["payloadType"] = "text/plain"), /text\/plain/],
    ["no signature", (_b, _m, e) => void (e["signatures"] = []), /exactly one/],
    [
      "two signatures",
      (_b, _m, e) => void (e["signatures"] = [e["signatures"], e["signatures"]].flat()),
      /exactly one/,
    ],
    ["an empty payload", (_b, _m, e) => void (e["payload"] = ""), /payload is missing/],
    ["base64 with junk", (_b, _m, e) => void (e["payload"] = `${String(e["payload"])}\n`), /not base64/],
    ["a signature that is not DER", (_b, _m, e) => void (e["signatures"] = [{ sig: "AAAA" }]), /not that of/],
  ])("in a bundle with %s is refused", ([, change, reason]) => {
    const changed = decode(bundle);
    change(changed, changed["verificationMaterial"] as Fields, changed["dsseEnvelope"] as Fields);
    expect(refusal(encode(changed))).toMatch(reason);
  });

  it("is refused when it is truncated anywhere, too large, or not UTF-8", () => {
    for (let length = 0; length < bundle.byteLength; length += 7)
      expect(refusal(bundle.slice(0, length))).toMatch("not JSON");
    expect(refusal(new Uint8Array(maxBundleBytes + 1))).toMatch("at most");
    expect(refusal(Uint8Array.of(0x22, 0xff, 0x22))).toMatch("not JSON in UTF-8");
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    expect(refusal(new TextEncoder().encode(`${deep}]`))).toMatch("not JSON");
    expect(refusal(new TextEncoder().encode(`{"mediaType":${deep}}`))).toMatch("of the type a list");
    expect(refusal(bundleOf(new TextEncoder().encode(`{"_type":${deep}}`)))).toMatch("of the type a list");
  });

  it("is either good or refused, whatever bytes are given", () => {
    const outcome = (bytes: Uint8Array): string => {
      try {
        return verifyModelSignature(bytes, subject, [publicKey]).keyHint;
      } catch (error) {
        return (error as { code?: string }).code ?? String(error);
      }
    };
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void expect(outcome(bytes)).toBe("SIGNATURE_INVALID")));
    fc.assert(fc.property(fc.jsonValue(), (value) => void expect(outcome(encode(value))).toBe("SIGNATURE_INVALID")));
    const statements = fc.jsonValue().map((value) => bundleOf(encode(value)));
    fc.assert(fc.property(statements, (bytes) => void expect(outcome(bytes)).toBe("SIGNATURE_INVALID")));
    const position = fc.nat({ max: bundle.byteLength - 1 });
    fc.assert(
      fc.property(position, fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const flipped = bundle.slice();
        flipped[at]! ^= mask;
        // Only what is not signed may change: the hint cannot, nor can a letter of payload or signature.
        const { dsseEnvelope: was } = decode(bundle);
        const result = outcome(flipped);
        expect(result === "SIGNATURE_INVALID" || sameEnvelope(flipped, was as Fields)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("holds exactly the files that were signed, for any files", () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-c](\/[a-c.]{1,3}){0,2}[x\u{1f600}\u{ff5e}]$/u), {
      minLength: 1,
    });
    fc.assert(
      fc.property(names, fc.nat(), (list, seed) => {
        const some = list.map((name) => file(name));
        const shuffled = some.toSorted((a, b) => (hex(a.name + String(seed)) < hex(b.name + String(seed)) ? -1 : 1));
        expect(encodeStatement({ name: "m", files: shuffled })).toEqual(encodeStatement({ name: "m", files: some }));
        const signed = bundleOf(encodeStatement({ name: "m", files: shuffled }));
        verifyModelSignature(signed, { name: "m", files: some }, [publicKey]);
        const fewer = shuffled.slice(1);
        expect(() => verifyModelSignature(signed, { files: fewer }, [publicKey])).toThrow("not there");
      }),
      { numRuns: 50 },
    );
  });

  it("covers the files of a manifest in the order of the manifest", () => {
    const sized = files.map((one) => ({ ...one, size: 1 }));
    const manifest = decode(encodeManifest(sized).bytes)["files"] as Fields[];
    const resources = (decode(encodeStatement(subject))["predicate"] as Fields)["resources"] as Fields[];
    expect(resources.map(({ name }) => name)).toEqual(manifest.map(({ name }) => name));
  });
});

function sameEnvelope(bytes: Uint8Array, was: Fields): boolean {
  const { payload, payloadType, signatures } = decode(bytes)["dsseEnvelope"] as Fields;
  const sig = (list: unknown): unknown => (list as Fields[])[0]?.["sig"];
  return payload === was["payload"] && payloadType === was["payloadType"] && sig(signatures) === sig(was["signatures"]);
}
