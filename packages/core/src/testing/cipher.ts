import { describe, expect, it } from "vitest";
import { toBytes } from "../bytes.ts";
import type { Cipher } from "../cipher.ts";

/** The contract of `Cipher`. */
export function describeCipher(name: string, suite: { readonly create: () => Cipher | Promise<Cipher> }): void {
  describe(`${name}: cipher`, () => {
    const context = { tenant: "blue" };
    const refusal = { code: "DECRYPTION_FAILED" };
    const sealed = async (cipher: Cipher, size: number): Promise<Uint8Array> =>
      toBytes(cipher.encrypt(sample(size), { context }));

    it.each([0, 1, 4095, 4096, 65_535, 65_536, 65_537, 300_000])("decrypts %i bytes to themselves", async (size) => {
      const cipher = await suite.create();
      const ciphertext = await sealed(cipher, size);
      expect(await toBytes(cipher.decrypt(inPieces(ciphertext), { context }))).toEqual(sample(size));
    });

    it("hides the plaintext and never repeats a ciphertext", async () => {
      const cipher = await suite.create();
      expect(await sealed(cipher, 64)).not.toEqual(await sealed(cipher, 64));
    });

    it("refuses another context", async () => {
      const cipher = await suite.create();
      const ciphertext = await sealed(cipher, 1000);
      await expect(toBytes(cipher.decrypt(ciphertext, { context: { tenant: "red" } }))).rejects.toMatchObject(refusal);
      await expect(toBytes(cipher.decrypt(ciphertext))).rejects.toMatchObject(refusal);
    });

    it("refuses any altered byte", async () => {
      const cipher = await suite.create();
      const ciphertext = await sealed(cipher, 200);
      for (let index = 0; index < ciphertext.length; index += 7) {
        const altered = ciphertext.slice();
        altered[index] = (altered[index] ?? 0) ^ 0x40;
        await expect(toBytes(cipher.decrypt(altered, { context })), `byte ${index}`).rejects.toMatchObject(refusal);
      }
    });

    it.each([1, 16, 17, 60_000, 70_000, 140_000, 199_999])("refuses a ciphertext cut by %i bytes", async (missing) => {
      const cipher = await suite.create();
      const ciphertext = await sealed(cipher, 200_000);
      const cut = ciphertext.slice(0, Math.max(0, ciphertext.length - missing));
      await expect(toBytes(cipher.decrypt(cut, { context }))).rejects.toMatchObject(refusal);
    });

    it("refuses bytes after the end", async () => {
      const cipher = await suite.create();
      const ciphertext = await sealed(cipher, 1000);
      await expect(toBytes(cipher.decrypt(new Uint8Array([...ciphertext, 0]), { context }))).rejects.toMatchObject(
        refusal,
      );
    });
  });
}

function sample(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
}

function inPieces(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let offset = 0;
  return new ReadableStream({
    pull(controller) {
      if (offset >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(offset, offset + 10_007));
      offset += 10_007;
    },
  });
}
