import { coreError } from "../errors.ts";
import type { EncryptionContext, KeyProvider } from "../key-provider.ts";

/** Wraps data keys with an AES-256-GCM key that lives and dies with this object. For tests and examples. */
export function memoryKeyProvider(): KeyProvider {
  const keyId = `memory:${crypto.randomUUID()}`;
  const wrappingKey = crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);

  return {
    async generateDataKey(context) {
      const plaintext = crypto.getRandomValues(new Uint8Array(32));
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const additionalData = canonical(context);
      const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData }, await wrappingKey, plaintext);
      return { plaintext, wrapped: new Uint8Array([...iv, ...new Uint8Array(sealed)]), keyId };
    },

    async unwrapDataKey(wrapped, id, context) {
      if (id !== keyId) throw coreError("DECRYPTION_FAILED", { reason: `the key ${id} is not known here` });
      const additionalData = canonical(context);
      const parameters = { name: "AES-GCM", iv: wrapped.slice(0, 12), additionalData };
      try {
        return new Uint8Array(await crypto.subtle.decrypt(parameters, await wrappingKey, wrapped.slice(12)));
      } catch (cause) {
        const reason = "the wrapped key, the key and the context do not belong together";
        throw coreError("DECRYPTION_FAILED", { reason }, { cause });
      }
    },
  };
}

function canonical(context: EncryptionContext): Uint8Array<ArrayBuffer> {
  const pairs = Object.entries(context).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return new Uint8Array(new TextEncoder().encode(JSON.stringify(pairs)));
}
