import { expect, test } from "vitest";

import { scale } from "../../test/onnx-models.ts";
import { WorkerInferenceServer } from "../infer/inference-server.ts";
import type { Route } from "../infer/model-entry.ts";
import type { Change } from "./messages.ts";
import { ServedModels } from "./served-models.ts";

async function apply(server: WorkerInferenceServer, change: Change): Promise<void> {
  const { name } = change;
  if (change.method === "load") await server.load(name, change.options);
  if (change.method === "add") await server.add(name, change.options);
  if (change.method === "swap") await server.swap(name, change.options);
  if (change.method === "unload")
    await server.unload(name, change.version === undefined ? {} : { version: change.version });
  if (change.method === "promote") server.promote(name, change.version);
  if (change.method === "route") server.route(name, change.route);
}

const onnx = scale(2);
const [name, share] = ["m", 1];
const split = { "1": 1, "2": 1 };
const load = (version: string): Change => ({ method: "load", name, options: { onnx, version } });
const add = (version: string): Change => ({ method: "add", name, options: { onnx, version } });
const swap = (version: string): Change => ({ method: "swap", name, options: { onnx, version } });
const replace = (version: string): Change => {
  return { method: "swap", name, options: { onnx, version, maxHeapMb: 64, takeOver: false } };
};
const route = (to: Route): Change => ({ method: "route", name, route: to });

test.each([
  ["a split of which a version was swapped away", [route({ split }), swap("3")], undefined],
  ["a split of which a version was unloaded", [route({ split }), { method: "unload", name, version: "2" }], undefined],
  ["a split whose version was replaced", [route({ split }), swap("1")], { split }],
  [
    "a shadow beside a swap",
    [route({ split, shadow: { version: "2", share } }), swap("3")],
    { shadow: { version: "2", share } },
  ],
  ["a shadow that took over", [route({ shadow: { version: "2", share } }), swap("2")], undefined],
  ["a version that was replaced in its place", [route({ split }), replace("2")], { split }],
  ["a split after a promotion", [route({ split }), { method: "promote", name, version: "2" }], { split }],
] as const)("a process that starts later comes to what the others serve: %s", async (_, changes, kept) => {
  await using server = new WorkerInferenceServer({ execution: "inline", warmup: false });
  await using late = new WorkerInferenceServer({ execution: "inline", warmup: false });
  const served = new ServedModels();
  for (const change of [load("1"), add("2"), ...changes]) {
    await apply(server, change);
    served.made(change, server.models());
  }
  for (const change of served.changes()) await apply(late, change);
  expect(late.models()).toEqual(server.models());
  expect(served.changes().find(({ method }) => method === "route")).toEqual(
    kept === undefined ? undefined : route(kept),
  );
});

test("what a swap leaves out stays as it was, unless it says otherwise", async () => {
  const served = new ServedModels();
  await using server = new WorkerInferenceServer({ execution: "inline", warmup: false });
  const labels = { y: ["a", "b"] };
  const first: Change = { method: "load", name, options: { onnx, version: "1", instances: 2, labels } };
  for (const change of [first, swap("2")]) {
    await apply(server, change);
    served.made(change, server.models());
  }
  expect(server.models()).toMatchObject([{ version: "2", instances: 2 }]);
  expect(served.changes()).toEqual([{ method: "load", name, options: { onnx, version: "2", instances: 2, labels } }]);
  const anew: Change = { method: "swap", name, options: { onnx, version: "3", keepSettings: false } };
  await apply(server, anew);
  served.made(anew, server.models());
  expect(served.changes()).toEqual([{ method: "load", name, options: { onnx, version: "3" } }]);
});

test("an ensemble comes after its models, whichever was loaded last", async () => {
  const step = { model: name, inputs: { x: "x" }, outputs: { y: "y" } };
  const ensemble: Change = {
    method: "load",
    name: "e",
    options: { ensemble: { inputs: ["x"], outputs: ["y"], steps: [step] } },
  };
  const gone: Change = { method: "unload", name, version: undefined };
  const served = new ServedModels();
  await using server = new WorkerInferenceServer({ execution: "inline", warmup: false });
  for (const change of [load("1"), ensemble, gone, load("1")]) {
    await apply(server, change);
    served.made(change, server.models());
  }
  expect(served.changes().map((change) => change.name)).toEqual([name, "e"]);
  await apply(server, gone);
  served.made(gone, server.models());
  expect(served.changes()).toEqual([]);
});
