import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AshlarError, compareObjectKeys, coreError, decodeCursor, encodeCursor, isAshlarError } from "./index.ts";

describe("errors", () => {
  it("carry code, status, details and a message that says what to do", () => {
    const error = coreError("OBJECT_NOT_FOUND", { key: "a/b" }, { cause: new Error("ENOENT") });
    expect(error).toMatchObject({ code: "OBJECT_NOT_FOUND", status: 404, source: "core", details: { key: "a/b" } });
    expect(error.message).toContain('"a/b"');
    expect(error.cause).toBeInstanceOf(Error);
    expect(JSON.parse(JSON.stringify(error))).not.toHaveProperty("stack");
  });

  it("are known by brand across two copies of this package", () => {
    const stranger = Object.assign(new Error("x"), { code: "OBJECT_NOT_FOUND", [Symbol.for("ashlar.error")]: true });
    expect(stranger).not.toBeInstanceOf(AshlarError);
    expect(isAshlarError(stranger, "OBJECT_NOT_FOUND")).toBe(true);
    expect(isAshlarError(stranger, "INVALID_KEY")).toBe(false);
    expect(isAshlarError(Object.assign(new Error("x"), { code: "OBJECT_NOT_FOUND" }))).toBe(false);
    expect(isAshlarError(null)).toBe(false);
  });
});

describe("cursors", () => {
  it("come back as they went", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string({ unit: "grapheme" }), fc.integer())), (position) => {
        expect(decodeCursor(encodeCursor(position))).toEqual(position);
      }),
    );
  });

  it.each(["", "!", "bm90IGpzb24", "e30", "W1tdXQ"])("refuse %j", (cursor) => {
    expect(() => decodeCursor(cursor)).toThrow(expect.objectContaining({ code: "INVALID_CURSOR" }));
  });
});

describe("object keys", () => {
  it("sort as their UTF-8 bytes do", () => {
    const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (a, b) => {
        expect(Math.sign(compareObjectKeys(a, b))).toBe(Math.sign(byBytes(a, b)));
      }),
    );
  });
});
