import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isAshlarError } from "@ashlar/core";
import { joined, message, number, text } from "../../test/onnx-writer.ts";
import { readOnnx } from "./onnx.ts";

const dimension = (size: number | string): Uint8Array =>
  message(1, typeof size === "number" ? number(1, size) : text(2, size));
const value = (field: number, name: string, dtype: number, shape: (number | string)[]): Uint8Array =>
  message(field, text(1, name), message(2, message(1, number(1, dtype), message(2, ...shape.map(dimension)))));
const node = (operator: string, domain: string, ...attributes: Uint8Array[]): Uint8Array =>
  message(1, text(1, "in"), text(2, "out"), text(4, operator), ...attributes, text(7, domain));
const subgraph = (...nodes: Uint8Array[]): Uint8Array => message(5, text(1, "body"), message(6, ...nodes));
const external = message(5, text(8, "w"), message(13, text(1, "location"), text(2, "w.bin")), number(14, 1));

const graph = message(
  7,
  node("Gemm", ""),
  node("If", "", subgraph(node("Gemm", "ai.onnx"), node("Scaler", "ai.onnx.ml"))),
  text(2, "delay"),
  external,
  value(11, "features", 1, ["batch", 12]),
  value(11, "w", 1, [12]),
  value(12, "late", 1, ["batch", -1]),
);
const opset = message(8, text(1, ""), number(2, 17));
const whole = joined(number(1, 8), text(2, "ashlar"), text(3, "0.1"), graph, opset);

function outcome(bytes: Uint8Array): "read" | "refused" {
  try {
    readOnnx(bytes, "m.onnx");
    return "read";
  } catch (error) {
    if (isAshlarError(error, "ONNX_INVALID")) return "refused";
    throw error;
  }
}

describe("readOnnx", () => {
  it("reads signature, operators and external data", () => {
    expect(readOnnx(whole, "m.onnx")).toEqual({
      irVersion: 8,
      opsets: { "ai.onnx": 17 },
      producer: { name: "ashlar", version: "0.1" },
      graph: "delay",
      inputs: [{ name: "features", dtype: "float32", shape: ["batch", 12] }],
      outputs: [{ name: "late", dtype: "float32", shape: ["batch", null] }],
      operators: { Gemm: 2, If: 1, "ai.onnx.ml.Scaler": 1 },
      externalData: ["w.bin"],
    });
  });

  it("refuses every truncation", () => {
    for (let length = 0; length < whole.length; length++) {
      expect(outcome(whole.subarray(0, length)), `${length} of ${whole.length} bytes`).toBe("refused");
    }
  });

  it("reads or refuses anything, and nothing else", () => {
    const anything = fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void outcome(bytes));
    const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    const damaged = fc.property(damage, (changes) => {
      const bytes = whole.slice();
      for (const [at, byte] of changes) bytes[at] = byte;
      outcome(bytes);
    });
    expect(fc.check(anything, { numRuns: 2000 })).toMatchObject({ failed: false });
    expect(fc.check(damaged, { numRuns: 3000 })).toMatchObject({ failed: false });
  });

  it("refuses two graphs, and subgraphs nested without end", () => {
    expect(outcome(joined(whole, graph))).toBe("refused");
    let body = node("Gemm", "");
    for (let depth = 0; depth < 40; depth++) body = node("If", "", subgraph(body));
    const deep = message(7, body, value(12, "late", 1, [1]));
    expect(() => readOnnx(joined(number(1, 8), deep, opset), "deep.onnx")).toThrow("nested more than 32 deep");
  });
});
