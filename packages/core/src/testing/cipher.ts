import { describe, expect, it } from "vitest";
import { toBytes } from "../bytes.ts";
import type { Cipher, CiphertextSource, SeekableCipher } from "../cipher.ts";

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

/** The contract of `SeekableCipher`, beyond that of `Cipher`. */
export function describeSeekableCipher(
  name: string,
  suite: { readonly create: () => SeekableCipher | Promise<SeekableCipher> },
): void {
  describe(`${name}: random access`, () => {
    const context = { key: "a" };
    const refusal = { code: "DECRYPTION_FAILED" };
    const size = 1_000_000;
    const plaintext = sample(size);
    const sealed = (cipher: Cipher, bytes = plaintext): Promise<Uint8Array> =>
      toBytes(cipher.encrypt(bytes, { context }));

    it.each([0, 1, 65_535, 65_536, 65_537, 300_000])("tells the size of %i bytes, and gives them", async (length) => {
      const cipher = await suite.create();
      const source = counted(await sealed(cipher, plaintext.subarray(0, length)));
      expect(await cipher.plaintextSize(source)).toBe(length);
      const opened = await cipher.open(source, { context });
      expect(opened.size).toBe(length);
      expect(await toBytes(opened.read(0, length))).toEqual(plaintext.slice(0, length));
      await opened.verifyEnd();
    });

    it.each([
      [0, 1],
      [0, size],
      [65_535, 65_537],
      [65_536, 131_072],
      [499_999, 500_100],
      [size - 1, size],
      [7, 7],
    ])("gives the bytes from %i to %i", async (start, end) => {
      const cipher = await suite.create();
      const opened = await cipher.open(counted(await sealed(cipher)), { context });
      expect(await toBytes(opened.read(start, end))).toEqual(plaintext.slice(start, end));
    });

    it("reads no more of the ciphertext than a range stands in", async () => {
      const cipher = await suite.create();
      const source = counted(await sealed(cipher));
      const opened = await cipher.open(source, { context });
      await toBytes(opened.read(500_000, 500_010));
      expect(source.given()).toBeLessThan(size / 5);
    });

    it("refuses another context, an altered header, and what is no ciphertext", async () => {
      const cipher = await suite.create();
      const ciphertext = await sealed(cipher);
      await expect(cipher.open(counted(ciphertext), { context: { key: "b" } })).rejects.toMatchObject(refusal);
      for (const index of [0, 5, 20, 60]) {
        const altered = ciphertext.slice();
        altered[index] = (altered[index] ?? 0) ^ 1;
        await expect(cipher.open(counted(altered), { context })).rejects.toMatchObject(refusal);
      }
      for (const nothing of [new Uint8Array(), sample(10), sample(5000)]) {
        await expect(cipher.plaintextSize(counted(nothing))).rejects.toMatchObject(refusal);
        await expect(cipher.open(counted(nothing), { context })).rejects.toMatchObject(refusal);
      }
    });

    it("refuses a range with an altered byte, or with bytes of another message", async () => {
      const cipher = await suite.create();
      const [ciphertext, other] = [await sealed(cipher), await sealed(cipher)];
      const middle = ciphertext.length >> 1;
      const altered = ciphertext.slice();
      altered[middle] = (altered[middle] ?? 0) ^ 1;
      const spliced = ciphertext.slice();
      spliced.set(other.subarray(middle), middle);
      for (const damaged of [altered, spliced]) {
        const opened = await cipher.open(counted(damaged), { context });
        await expect(toBytes(opened.read(0, size))).rejects.toMatchObject(refusal);
        await expect(toBytes(opened.read(size / 2 - 100_000, size / 2 + 100_000))).rejects.toMatchObject(refusal);
      }
    });

    it("finds out a cut when a range reaches the new end", async () => {
      const cipher = await suite.create();
      const ciphertext = await sealed(cipher);
      for (let kept = ciphertext.length - 1; kept > 2000; kept -= 49_999) {
        const cut = async (): Promise<void> => {
          const opened = await cipher.open(counted(ciphertext.slice(0, kept)), { context });
          await expect(opened.verifyEnd()).rejects.toMatchObject(refusal);
          await toBytes(opened.read(opened.size - 1, opened.size));
        };
        await expect(cut()).rejects.toMatchObject(refusal);
      }
    });
  });
}

/** A source that counts the bytes it gives. */
function counted(ciphertext: Uint8Array): CiphertextSource & { given(): number } {
  let given = 0;
  return {
    size: ciphertext.byteLength,
    given: () => given,
    async read(start, end) {
      given += end - start;
      return given % 2 === 0 ? ciphertext.slice(start, end) : inPieces(ciphertext.slice(start, end));
    },
  };
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
