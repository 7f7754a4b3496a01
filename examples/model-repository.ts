// Serve a repository of models, take in a new version under shadow, and answer through the listener of node:http.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createInferenceServer, openModelRepository, storedModels } from "@ashlar/compute/inference";
import { trainLogisticRegression } from "@ashlar/compute/training";
import { memoryObjectStore } from "@ashlar/core/memory";

const hours = Array.from({ length: 500 }, (_, i) => (i * 7) % 24);
const train = async (threshold: number): Promise<Uint8Array> => {
  const late = hours.map((hour) => hour > threshold);
  return (await trainLogisticRegression({ data: { columns: { hour: hours, late } }, label: "late" })).toOnnx();
};

const store = memoryObjectStore();
await store.put("models/delay/1/model.onnx", await train(15));
await store.put("models/delay/settings.json", new TextEncoder().encode('{ "responseCache": { "maxBytes": 1000000 } }'));
await store.put("models/broken/1/model.onnx", Uint8Array.of(1, 2, 3));

await using server = createInferenceServer({ batching: { latencyTarget: "5ms p99" } });
const repository = openModelRepository(server, storedModels(store, "models/"));
for (const { name, error } of await repository.refresh()) console.log(`${name}: ${error.message}`);

const listener = createServer(server.listener({ repository }));
listener.listen(0, "127.0.0.1");
await once(listener, "listening");
const url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/v2/models/delay/infer`;
const ask = async (hour: number): Promise<string> => {
  const inputs = [{ name: "features", datatype: "FP32", shape: [1, 1], data: [hour] }];
  return (await fetch(url, { method: "POST", body: JSON.stringify({ inputs }) })).text();
};
console.log(await ask(14));

const swapped = new AbortController();
const swap = server
  .swap("delay", { onnx: await train(10), shadow: { share: 1, requests: 20 } })
  .finally(() => swapped.abort());
for (let request = 0; !swapped.signal.aborted && request < 100_000; request++) await ask(request % 24);
const { version, shadow } = await swap;
console.log(`version ${version}: ${shadow?.different} of ${shadow?.compared} answers differ`);
console.log(server.metrics().split("\n").slice(0, 3).join("\n"));
listener.closeAllConnections();
listener.close();
