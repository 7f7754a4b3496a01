import { expect, it } from "vitest";
import { batchFrom } from "./batch-from.ts";

it("refuses a decimal that its type cannot hold", () => {
  expect(() => batchFrom({ price: ["decimal(3,1)", [1000n]] })).toThrow(
    expect.objectContaining({ code: "VALUE_INVALID" }) as Error,
  );
});
