import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { manualClock } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
import { createTokenIssuer } from "./issuer.ts";
import type { JsonWebKeySet } from "./keys.ts";
import { createTokenVerifier } from "./verifier.ts";

const now = 1_800_000_000;
const clock = manualClock(now * 1000);
const issuer = "https://id.example.com";
const audience = "ashlar";
const pairs = {
  ed: generateKeyPairSync("ed25519"),
  ec: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
};
const all = Object.entries(pairs).map(([kid, { privateKey }]) => ({ kid, key: privateKey }));
const keys = createTokenIssuer({ issuer, keys: all, clock }).jwks();
const verifier = createTokenVerifier({ issuer, audience, keys, clock });
const claims = { iss: issuer, aud: audience, sub: "User::ada", iat: now, nbf: now, exp: now + 60, roles: [] };

const encode = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
/** A token with any header and claims, really signed. */
function forge(header: unknown, payload: unknown = claims, key: KeyObject = pairs.ed.privateKey): string {
  const input = `${encode(header)}.${encode(payload)}`;
  const hash = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  return `${input}.${sign(hash, Buffer.from(input), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}
function hmac(header: unknown, secret: string | Buffer): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
}
const header = { alg: "EdDSA", kid: "ed", typ: "at+jwt" };
const rsaPem = createPublicKey(pairs.rsa.privateKey).export({ type: "spki", format: "pem" });

describe("tokens", () => {
  it.each(Object.entries(pairs))("are verified when signed with %s", async (kid, { privateKey }) => {
    const one = createTokenIssuer({ issuer, keys: [{ kid, key: privateKey.export({ format: "jwk" }) }], clock });
    const token = await one.issue({
      principal: "User::ada",
      audience,
      roles: ["scientist"],
      claims: { tenant: "blue" },
    });
    expect(await verifier.verify(token)).toMatchObject({
      principal: "User::ada",
      roles: ["scientist"],
      claims: { tenant: "blue" },
      expiresAt: (now + 900) * 1000,
    });
  });

  it("are verified in the forge's form, so that the refusals below have but one reason", async () => {
    expect(await verifier.verify(forge(header))).toMatchObject({ principal: "User::ada" });
  });

  it.each<[string, () => string]>([
    ["no signature, alg none", () => `${encode({ ...header, alg: "none" })}.${encode(claims)}.`],
    ["alg none with a signature", () => forge({ ...header, alg: "none" })],
    ["HS256 with the public PEM as secret", () => hmac({ alg: "HS256", kid: "rsa", typ: "at+jwt" }, rsaPem)],
    [
      "HS256 with the JWK's x as secret",
      () => hmac({ ...header, alg: "HS256" }, Buffer.from(keys.keys[0]?.x ?? "", "base64url")),
    ],
    ["the algorithm of another key", () => forge({ ...header, alg: "RS256" })],
    ["the id of another key", () => forge({ ...header, kid: "rsa" })],
    ["an unknown key id", () => forge({ ...header, kid: "../../etc/passwd" })],
    ["no key id", () => forge({ alg: "EdDSA", typ: "at+jwt" })],
    ["jku", () => forge({ ...header, jku: "https://evil.example/jwks" })],
    ["x5u", () => forge({ ...header, x5u: "https://evil.example/cert" })],
    ["an embedded jwk", () => forge({ ...header, jwk: pairs.ed.publicKey.export({ format: "jwk" }) })],
    ["crit", () => forge({ ...header, crit: ["exp"] })],
    ["b64 false", () => forge({ ...header, b64: false, crit: ["b64"] })],
    ["another typ", () => forge({ ...header, typ: "JWT" })],
    ["no typ", () => forge({ alg: "EdDSA", kid: "ed" })],
    ["a header name twice", () => forge('{"alg":"none","alg":"EdDSA","kid":"ed","typ":"at+jwt"}')],
    ["a claim twice", () => forge(header, `${JSON.stringify(claims).slice(0, -1)},"s\\u0075b":"User::root"}`)],
    ["another issuer", () => forge(header, { ...claims, iss: "https://evil.example" })],
    ["another audience", () => forge(header, { ...claims, aud: "other" })],
    ["no audience", () => forge(header, { ...claims, aud: undefined })],
    ["expired", () => forge(header, { ...claims, exp: now - 6 })],
    ["no expiry", () => forge(header, { ...claims, exp: undefined })],
    ["an expiry that is text", () => forge(header, { ...claims, exp: String(now + 60) })],
    ["not yet valid", () => forge(header, { ...claims, nbf: now + 60 })],
    ["no subject", () => forge(header, { ...claims, sub: undefined })],
    ["a subject that is no principal", () => forge(header, { ...claims, sub: "ada" })],
    ["roles that are no list", () => forge(header, { ...claims, roles: "admin" })],
    ["padding", () => `${forge(header)}==`],
    ["a space in the signature", () => forge(header).replace(/(.{10})$/, " $1")],
    [
      "loose bits at the end",
      () => {
        const token = forge(header);
        const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        return token.slice(0, -1) + (alphabet[alphabet.indexOf(token.at(-1) ?? "") + 1] ?? "A");
      },
    ],
    [
      "standard base64",
      () =>
        forge(header, { ...claims, x: "???>>>" })
          .replaceAll("_", "/")
          .replaceAll("-", "+"),
    ],
    ["another payload", () => forge(header).replace(/\..*\./, `.${encode({ ...claims, sub: "User::root" })}.`)],
    ["two parts", () => forge(header).split(".").slice(0, 2).join(".")],
    ["five parts", () => `${forge(header)}.a.b`],
    ["a header that is a list", () => forge([])],
    ["too many characters", () => forge(header, { ...claims, pad: "x".repeat(20_000) })],
    ["nothing", () => ""],
  ])("are refused: %s", async (_, make) => {
    await expect(verifier.verify(make())).rejects.toMatchObject({ code: "TOKEN_INVALID", status: 401 });
  });

  it("are refused when their algorithm is not accepted here", async () => {
    const strict = createTokenVerifier({ issuer, audience, keys, clock, algorithms: ["ES256"] });
    await expect(strict.verify(forge(header))).rejects.toMatchObject({ code: "TOKEN_INVALID" });
  });

  it("take their principal from a function, for issuers with subjects of their own", async () => {
    const mapped = createTokenVerifier({
      issuer,
      audience,
      keys,
      clock,
      principal: ({ sub }) => `User::${String(sub)}`,
    });
    expect(await mapped.verify(forge(header, { ...claims, sub: "ada" }))).toMatchObject({ principal: "User::ada" });
  });

  it("find new keys of the issuer, without a flood of fetches", async () => {
    let fetches = 0;
    let published: JsonWebKeySet = { keys: keys.keys.filter(({ kid }) => kid !== "ed") };
    const time = manualClock(now * 1000);
    const source = async (): Promise<JsonWebKeySet> => (fetches++, published);
    const fetching = createTokenVerifier({ issuer, audience, keys: source, clock: time });
    const attempts = Array.from({ length: 20 }, () => fetching.verify(forge(header)).catch(() => "refused"));
    expect(new Set(await Promise.all(attempts))).toEqual(new Set(["refused"]));
    expect(fetches).toBe(1);
    published = keys;
    time.advance(31_000);
    expect(await fetching.verify(forge(header))).toMatchObject({ principal: "User::ada" });
    expect(fetches).toBe(2);
  });
});

describe("keys of tokens", () => {
  const wrong: [string, unknown][] = [
    ["a PEM", rsaPem],
    ["bytes", Buffer.from(rsaPem)],
    ["a shared secret", { kty: "oct", k: "AAAA" }],
    ["a private JWK", pairs.ed.privateKey.export({ format: "jwk" })],
    ["a short RSA key", generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ format: "jwk" })],
    ["another curve", generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey.export({ format: "jwk" })],
    ["an algorithm that is not the key's", { ...pairs.ed.publicKey.export({ format: "jwk" }), alg: "HS256" }],
    ["a key for encryption", { ...pairs.ed.publicKey.export({ format: "jwk" }), use: "enc" }],
  ];
  it.each(wrong)("refuse %s", (_, key) => {
    const jwk = typeof key === "object" && key !== null && !Buffer.isBuffer(key) ? { ...key, kid: "a" } : key;
    expect(() => createTokenVerifier({ issuer, audience, keys: { keys: [jwk as { kty: string }] } })).toThrow(
      expect.objectContaining({ code: "SIGNING_KEY_INVALID" }),
    );
  });

  it("are needed to issue, and the issuer's own claims are its own", async () => {
    expect(() => createTokenIssuer({ issuer, keys: [] })).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
    const one = createTokenIssuer({ issuer, keys: all });
    const request = { principal: "User::ada", audience };
    for (const bad of [{ claims: { exp: 1 } }, { principal: "ada" }, { expiresInSeconds: 0 }]) {
      await expect(one.issue({ ...request, ...bad })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    }
  });
});
