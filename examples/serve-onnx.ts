// Serve an ONNX model from a worker thread, over the Open Inference Protocol too, and swap it while it answers.
import { createInferenceServer } from "@ashlar/compute/inference";
import { trainLogisticRegression } from "@ashlar/compute/training";

const hours = Array.from({ length: 500 }, (_, i) => (i * 7) % 24);
const train = async (threshold: number): Promise<Uint8Array> => {
  const late = hours.map((hour) => hour > threshold);
  return (await trainLogisticRegression({ data: { columns: { hour: hours, late } }, label: "late" })).toOnnx();
};

await using server = createInferenceServer({ batching: { maxBatchRows: 256, queueLimit: 1024 } });
await server.load("delay", { onnx: await train(15) });

const features = { data: Float32Array.of(6, 14, 20), shape: [3, 1] };
const before = await server.infer("delay", { features }, { deadlineMs: 1000 });
console.log("P(late) at 6, 14 and 20 o'clock:", before["probability"]?.data);

const swapped = await server.swap("delay", { onnx: await train(10) });
const after = await server.infer("delay", { features });
console.log(`version ${swapped.version}:`, after["probability"]?.data);

const handler = server.handler(); // mount it on any fetch-shaped server
const inputs = [{ name: "features", datatype: "FP32", shape: [1, 1], data: [20] }];
const body = JSON.stringify({ inputs });
const answer = await handler(new Request("http://localhost/v2/models/delay/infer", { method: "POST", body }));
console.log(answer.status, await answer.text());
console.log(server.statistics()["delay"]);
