import type { Refuse } from "./refuse.ts";
import { objectOf, parseJson, show } from "./statement.ts";

/** The media type of a signature: a Sigstore bundle of version 0.3. */
export const bundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json" as const;

const payloadType = "application/vnd.in-toto+json";

/** Bytes of a bundle, before it is parsed: 10,000 files with the longest names fit. */
export const maxBundleBytes: number = 24 * 1024 * 1024;

/** A DSSE envelope with one signature, and the key it was made with. */
export interface Bundle {
  /** The very bytes that were signed. */
  readonly payload: Uint8Array;
  /** ECDSA, DER. */
  readonly signature: Uint8Array;
  /** @see VerificationKey.hint; undefined in bundles from before model-signing 1.0.1 */
  readonly keyHint: string | undefined;
}

/** What a signature is made over: DSSE's pre-authentication encoding (DSSE v1, protocol). */
export function signedMessage(payload: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.byteLength} `), payload]);
}

export function encodeBundle({ payload, signature, keyHint }: Bundle): Uint8Array {
  const bundle = {
    mediaType: bundleMediaType,
    verificationMaterial: { publicKey: { hint: keyHint }, tlogEntries: [] },
    dsseEnvelope: {
      payload: base64(payload),
      payloadType,
      signatures: [{ sig: base64(signature), keyid: "" }],
    },
  };
  return new TextEncoder().encode(JSON.stringify(bundle));
}

/** Reads a bundle of anybody. Only signatures by a plain key are known: no certificate, no transparency log. */
export function parseBundle(bytes: Uint8Array, refuse: Refuse): Bundle {
  if (bytes.byteLength > maxBundleBytes) {
    throw refuse(`the bundle has ${bytes.byteLength} bytes, and at most ${maxBundleBytes} are read`);
  }
  const bundle = objectOf(parseJson(bytes, "the bundle", refuse));
  if (bundle["mediaType"] !== bundleMediaType) {
    throw refuse(`the bundle is of the type ${show(bundle["mediaType"])}, not ${bundleMediaType}`);
  }
  const material = objectOf(bundle["verificationMaterial"]);
  const publicKey = material["publicKey"];
  if (typeof publicKey !== "object" || publicKey === null || "certificate" in material) {
    throw refuse("the bundle must be signed with a plain key, not with a certificate");
  }
  const hint = objectOf(publicKey)["hint"];
  if (hint !== undefined && hint !== null && typeof hint !== "string") throw refuse("the key hint is not a text");
  const envelope = objectOf(bundle["dsseEnvelope"]);
  if (envelope["payloadType"] !== payloadType) {
    throw refuse(`the payload is of the type ${show(envelope["payloadType"])}, not ${payloadType}`);
  }
  const signatures = envelope["signatures"];
  if (!Array.isArray(signatures) || signatures.length !== 1) throw refuse("there must be exactly one signature");
  return {
    payload: fromBase64(envelope["payload"], "payload", refuse),
    signature: fromBase64(objectOf(signatures[0])["sig"], "signature", refuse),
    // In Protobuf's JSON an empty text is an absent one.
    keyHint: typeof hint === "string" && hint !== "" ? hint : undefined,
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** Node skips what is not base64; a text that is not exactly what its bytes give is refused. */
function fromBase64(text: unknown, what: string, refuse: Refuse): Uint8Array {
  if (typeof text !== "string" || text === "") throw refuse(`the ${what} is missing`);
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) throw refuse(`the ${what} is not base64`);
  return new Uint8Array(bytes);
}
