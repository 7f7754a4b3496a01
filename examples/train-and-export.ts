// Train boosted trees on two threads, with a checkpoint to resume from, and prove that the ONNX file computes the same.
import { writeFile } from "node:fs/promises";
import { auc, parityCertificate, trainBoostedTrees } from "@ashlar/compute/training";
import { fileSystem } from "@ashlar/storage/file-system";

const rows = 20_000;
const distance = Float32Array.from({ length: rows }, (_, i) => (i * 7919) % 2500);
const hour = Float32Array.from({ length: rows }, (_, i) => (i * 104_729) % 24);
const late = Uint8Array.from({ length: rows }, (_, i) => {
  const chance = hour[i]! > 16 ? 0.7 : distance[i]! > 1800 ? 0.4 : 0.1;
  return ((i * 48_271) % 1000) / 1000 < chance ? 1 : 0;
});

const model = await trainBoostedTrees({
  data: { columns: { distance, hour, late } },
  label: "late",
  rounds: 30,
  workers: 2,
  seed: 7,
  checkpoint: { store: fileSystem({ root: "./checkpoints" }), key: "late", every: "10s" },
});
const sample = Float32Array.from({ length: rows * 2 }, (_, i) => (i % 2 === 0 ? distance : hour)[i >> 1]!);
const onnx = model.toOnnx();
await writeFile("./late.onnx", onnx);
console.log("features:", model.features, "AUC on the training rows:", auc(late, model.predict(sample)).toFixed(4));
console.log("late.onnx:", onnx.byteLength, "bytes", await parityCertificate(model, onnx, sample));
