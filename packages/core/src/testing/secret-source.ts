import { describe, expect, it } from "vitest";
import type { SecretSource } from "../secret-source.ts";

export interface SecretSourceSuite {
  /** A source holding the secret `database` with the value `first`. */
  readonly create: () => SecretSource | Promise<SecretSource>;
}

/** The contract of `SecretSource`. */
export function describeSecretSource(name: string, suite: SecretSourceSuite): void {
  describe(`${name}: secret source`, () => {
    it("gives the current version, and the same by its version", async () => {
      const source = await suite.create();
      const secret = await source.get("database");
      expect(new TextDecoder().decode(secret.value)).toBe("first");
      expect(await source.get("database", { version: secret.version })).toEqual(secret);
    });

    it("names a missing secret or version", async () => {
      const source = await suite.create();
      await expect(source.get("none")).rejects.toMatchObject({ code: "SECRET_NOT_FOUND" });
      await expect(source.get("database", { version: "none" })).rejects.toMatchObject({ code: "SECRET_NOT_FOUND" });
      await expect(source.get("__proto__")).rejects.toMatchObject({ code: "SECRET_NOT_FOUND" });
    });

    it("hands out copies: zeroing one does not hurt the next reader", async () => {
      const source = await suite.create();
      (await source.get("database")).value.fill(0);
      expect(new TextDecoder().decode((await source.get("database")).value)).toBe("first");
    });
  });
}
