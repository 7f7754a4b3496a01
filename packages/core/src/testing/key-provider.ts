import { describe, expect, it } from "vitest";
import type { KeyProvider } from "../key-provider.ts";

/** The contract of `KeyProvider`. */
export function describeKeyProvider(
  name: string,
  suite: { readonly create: () => KeyProvider | Promise<KeyProvider> },
): void {
  describe(`${name}: key provider`, () => {
    const context = { tenant: "blue", purpose: "model" };

    it("unwraps the key it generated", async () => {
      const keys = await suite.create();
      const { plaintext, wrapped, keyId } = await keys.generateDataKey(context);
      expect(plaintext.byteLength).toBe(32);
      expect(await keys.unwrapDataKey(wrapped, keyId, { purpose: "model", tenant: "blue" })).toEqual(plaintext);
    });

    it("never gives the same key twice", async () => {
      const keys = await suite.create();
      const [a, b] = [await keys.generateDataKey({}), await keys.generateDataKey({})];
      expect(a.plaintext).not.toEqual(b.plaintext);
      expect(a.wrapped).not.toEqual(b.wrapped);
    });

    it.each([
      { tenant: "red", purpose: "model" },
      { tenant: "blue" },
      { tenant: "blue", purpose: "model", extra: "1" },
      { tenant: "blue\u0301", purpose: "model" },
      {},
    ])("refuses the context %j", async (other: Record<string, string>) => {
      const keys = await suite.create();
      const { wrapped, keyId } = await keys.generateDataKey(context);
      await expect(keys.unwrapDataKey(wrapped, keyId, other)).rejects.toMatchObject({ code: "DECRYPTION_FAILED" });
    });

    it("refuses a wrapped key with any part altered, and one that was cut", async () => {
      const keys = await suite.create();
      const { wrapped, keyId } = await keys.generateDataKey(context);
      for (const index of [0, wrapped.length >> 1, wrapped.length - 1]) {
        const altered = wrapped.slice();
        altered[index] = (altered[index] ?? 0) ^ 1;
        const attempt = keys.unwrapDataKey(altered, keyId, context);
        await expect(attempt).rejects.toMatchObject({ code: "DECRYPTION_FAILED" });
      }
      const cut = keys.unwrapDataKey(wrapped.slice(0, -1), keyId, context);
      await expect(cut).rejects.toMatchObject({ code: "DECRYPTION_FAILED" });
    });
  });
}
