import { isAshlarError } from "@ashlar/core";
import fc from "fast-check";
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { floatTensor, int64Tensor, onnxModel, onnxNode, tensorInfo } from "./build.ts";
import { decodeOnnx } from "./decode.ts";
import { encodeOnnx } from "./encode.ts";
import type { OnnxModel } from "./model.ts";

const identity = onnxModel({
  name: "g",
  nodes: [onnxNode("Identity", ["x"], ["y"])],
  inputs: [tensorInfo("x", "float32", ["N", 2])],
  outputs: [tensorInfo("y", "float32", ["N", 2])],
});

/** A dense layer with every element type and attribute type that is written. */
const rich: OnnxModel = onnxModel({
  name: "rich",
  nodes: [
    onnxNode("Gemm", ["x", "w", "b"], ["h"], { alpha: { float: 0.5 }, transB: { int: 1 } }),
    onnxNode("Concat", ["h", "h"], ["y"], { axis: { int: -1 } }),
    onnxNode("Custom", ["y"], ["z"], {
      mode: { string: "é" },
      many: { floats: [1.5, -2] },
      ids: { ints: [0, -1, 300] },
      names: { strings: ["a", ""] },
    }),
  ],
  initializers: [
    floatTensor("w", [2, 2], [1, 2, 3, 4]),
    floatTensor("b", [2], [0.25, -0.25]),
    int64Tensor("n", [2], [-1, 2 ** 40]),
    { name: "flags", type: "bool", shape: [3], data: [1, 0, 1] },
    { name: "narrow", type: "uint8", shape: [2], data: [0, 255] },
    { name: "wide", type: "uint16", shape: [2], data: [1, 65535] },
    { name: "whole", type: "int32", shape: [2], data: [-(2 ** 31), 7] },
    { name: "double", type: "float64", shape: [1], data: [0.1] },
  ],
  inputs: [tensorInfo("x", "float32", ["N", 2])],
  outputs: [tensorInfo("z", "float32", ["N", 4])],
  metadata: { kind: "test" },
});

describe("ONNX encoding", () => {
  it("writes the bytes that onnx.proto3 prescribes", () => {
    const text = (value: string): string => Buffer.from(value).toString("hex");
    // A float32 tensor of shape [N, 2]: elem_type 1; shape of dim_param "N" and dim_value 2.
    const type = "120f 0a0d 0801 1209 0a0312014e 0a020802";
    const expected = [
      "0808", // ir_version
      `1206 ${text("ashlar")}`, // producer_name
      "3a44", // graph
      `0a13 0a0178 120179 1a0179 2208 ${text("Identity")}`, // node: input, output, name, op_type
      "120167", // name
      `5a14 0a0178 ${type}`, // input
      `6214 0a0179 ${type}`, // output
      "4204 0a00 1011", // opset_import "" 17
      `420e 0a0a ${text("ai.onnx.ml")} 1003`, // opset_import "ai.onnx.ml" 3
    ];
    const written = Buffer.from(encodeOnnx(identity)).toString("hex");
    expect(written).toBe(expected.join("").replaceAll(" ", ""));
  });

  it("reads back what it wrote", () => {
    const again = decodeOnnx(encodeOnnx(rich));
    expect(encodeOnnx(again)).toEqual(encodeOnnx(rich));
    expect(again.graph.nodes[2]!.attributes["mode"]).toEqual({ string: "é" });
    expect(again.graph.initializers[2]!.data).toEqual(Float64Array.of(-1, 2 ** 40));
    expect(again.graph.inputs[0]).toEqual({ name: "x", type: "float32", shape: ["N", 2] });
    expect(again.metadata["kind"]).toBe("test");
  });

  it("is run by onnxruntime", async () => {
    const model = onnxModel({
      name: "dense",
      nodes: [
        onnxNode("Gemm", ["x", "w", "b"], ["h"]),
        onnxNode("Tanh", ["h"], ["t"]),
        onnxNode("Softmax", ["t"], ["y"]),
      ],
      initializers: [floatTensor("w", [2, 2], [1, 0, 0, -1]), floatTensor("b", [2], [0, 0])],
      inputs: [tensorInfo("x", "float32", ["N", 2])],
      outputs: [tensorInfo("y", "float32", ["N", 2])],
    });
    const session = await ort.InferenceSession.create(encodeOnnx(model));
    const { y } = await session.run({ x: new ort.Tensor("float32", Float32Array.of(1, 1), [1, 2]) });
    await session.release();
    const expected = Math.exp(Math.tanh(1)) / (Math.exp(Math.tanh(1)) + Math.exp(Math.tanh(-1)));
    expect((y!.data as Float32Array)[0]).toBeCloseTo(expected, 6);
  });

  it("refuses a tensor whose shape and data disagree, and integers that are not exact", () => {
    const graph = { name: "g", nodes: [], inputs: [], outputs: [] };
    const wrong = onnxModel({ ...graph, initializers: [floatTensor("w", [3], [1])] });
    expect(() => encodeOnnx(wrong)).toThrow(expect.objectContaining({ code: "ONNX_UNENCODABLE" }));
    const inexact = onnxModel({ ...graph, initializers: [int64Tensor("n", [1], [2 ** 60])] });
    expect(() => encodeOnnx(inexact)).toThrow(expect.objectContaining({ code: "ONNX_UNENCODABLE" }));
  });
});

function outcome(bytes: Uint8Array): string {
  try {
    decodeOnnx(bytes);
    return "read";
  } catch (error) {
    return isAshlarError(error) ? error.code : String(error);
  }
}

describe("ONNX decoding of hostile bytes", () => {
  const malformed = expect.objectContaining({ code: "ONNX_MALFORMED" });

  it("refuses a file that is cut off anywhere or has a byte changed, or reads it, but never fails otherwise", () => {
    const bytes = encodeOnnx(rich);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.boolean(), (at, value, cut) => {
        const damaged = cut ? bytes.slice(0, at) : bytes.with(at, value);
        expect(outcome(damaged)).toMatch(/^(read|ONNX_MALFORMED)$/);
      }),
      { numRuns: 500 },
    );
  });

  it("refuses what is no model, too large, or has too many operators", () => {
    expect(() => decodeOnnx(new Uint8Array(0))).toThrow(malformed);
    expect(() => decodeOnnx(Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f))).toThrow(malformed);
    expect(() => decodeOnnx(encodeOnnx(rich), { maxBytes: 10 })).toThrow(malformed);
    expect(() => decodeOnnx(encodeOnnx(rich), { maxNodes: 2 })).toThrow(malformed);
  });
});
