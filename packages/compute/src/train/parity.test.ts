import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { sampleRows } from "../../test/sample-rows.ts";
import { decodeOnnx } from "../onnx/decode.ts";
import { encodeOnnx } from "../onnx/encode.ts";
import { parityCertificate, trainBoostedTrees, trainLogisticRegression } from "./index.ts";

const data = sampleRows(300);
const sample = sampleRows(50, 2);

describe("a parity certificate", () => {
  it("fails for a file that answers NaN in some rows, whichever come after", async () => {
    const model = await trainLogisticRegression({ data, label: "late" });
    const { graph, ...rest } = decodeOnnx(model.toOnnx());
    // Missing values go through instead of becoming the mean.
    const nodes = graph.nodes.map((node) =>
      node.operator === "Mul" ? { ...node, inputs: ["centred", "scale"] } : node,
    );
    const onnx = encodeOnnx({ ...rest, graph: { ...graph, nodes } });
    const rows = Float32Array.of(-2, 0, Number.NaN, 2001, 0.5, 1, 0, 0.5, 2001, 0.5);
    expect(model.predict(rows)[0]).toBeLessThan(0.5);
    const certificate = await parityCertificate(model, onnx, rows, { ort });
    expect(certificate).toMatchObject({ rows: 2, differentLabels: 0, maxDifference: Infinity, passed: false });
  });

  it("fails for a file of other trees", async () => {
    const model = await trainBoostedTrees({ data, label: "late", rounds: 3 });
    for (const rounds of [2, 5]) {
      const other = await trainBoostedTrees({ data, label: "late", rounds });
      const certificate = await parityCertificate(model, other.toOnnx(), sample, { ort });
      expect(certificate).toMatchObject({ differentLeaves: 50, passed: false });
    }
  });

  it("is not made from no rows, nor of a file that does not run", async () => {
    const model = await trainLogisticRegression({ data, label: "late" });
    const onnx = model.toOnnx();
    await expect(parityCertificate(model, onnx, new Float32Array(0), { ort })).rejects.toMatchObject({
      code: "PREDICTION_INPUT_INVALID",
    });
    const narrow = await trainLogisticRegression({ data, label: "late", features: ["a", "b"] });
    for (const other of [onnx.slice(0, 300), narrow.toOnnx()]) {
      await expect(parityCertificate(model, other, sample, { ort })).rejects.toMatchObject({ code: "ONNX_MALFORMED" });
    }
  });
});
