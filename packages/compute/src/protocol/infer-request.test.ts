import fc from "fast-check";
import { expect, test } from "vitest";
import type { NumericTensorData } from "../infer/tensor.ts";
import { type Datatype, datatypeOf } from "./datatypes.ts";
import { readInferRequest } from "./infer-request.ts";
import { writeBinaryData } from "./binary-data.ts";

const types = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  int16: Int16Array,
  uint8: Uint8Array,
} as const;

test("binary tensors are read wherever they lie in a body, whatever lies before them", () => {
  const kinds = fc.constantFrom(...(Object.keys(types) as (keyof typeof types)[]));
  const inputs = fc.array(fc.tuple(kinds, fc.nat({ max: 5 })), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(inputs, fc.nat({ max: 9 }), fc.nat({ max: 9 }), (list, padding, start) => {
      let next = 1;
      const tensors = list.map(([type, length], index) => {
        const data = Array.from({ length }, () => next++ % 100);
        const typed = type === "int64" ? BigInt64Array.from(data, BigInt) : types[type].from(data);
        return { name: `t${index}`, type, data: typed as NumericTensorData };
      });
      const specs = tensors.map(({ name, type }) => ({ name, type, shape: [null] }));
      const parts = tensors.map(({ type, data }) => writeBinaryData(datatypeOf(type) as Datatype, data));
      const json = JSON.stringify({
        id: "i".repeat(padding),
        inputs: tensors.map(({ name, type, data }) => ({
          name,
          datatype: datatypeOf(type),
          shape: [data.length],
          parameters: { binary_data_size: data.byteLength },
        })),
      });
      const body = new Uint8Array(Buffer.concat([Buffer.alloc(start), Buffer.from(json), ...parts])).subarray(start);
      const read = readInferRequest(body, json.length, { inputs: specs, outputs: specs, batchable: true });
      expect(read.inputs).toEqual(tensors.map(({ name, data }) => ({ name, shape: [data.length], data })));
    }),
  );
});

test("a tensor of many bytes is not copied: it is moved within its body at most", () => {
  const data = Float32Array.from({ length: 1000 }, (_, index) => index);
  const spec = { name: "x", type: "float32", shape: [null] } as const;
  for (let padding = 0; padding < 4; padding++) {
    const input = { name: "x", datatype: "FP32", shape: [1000], parameters: { binary_data_size: 4000 } };
    const json = JSON.stringify({ id: "i".repeat(padding), inputs: [input] });
    const body = new Uint8Array(Buffer.concat([Buffer.from(json), Buffer.from(data.buffer)]));
    const signature = { inputs: [spec], outputs: [spec], batchable: true };
    const [read] = readInferRequest(body, json.length, signature).inputs.map((x) => x.data as NumericTensorData);
    expect(read).toEqual(data);
    expect(read?.buffer).toBe(body.buffer);
  }
});

const pair = { name: "x", type: "float32", shape: [null] } as const;
const pairs = { inputs: [pair], outputs: [pair], batchable: true };
const readText = (json: string) => readInferRequest(new TextEncoder().encode(json), null, pairs);

test("the ids of sequences keep all their digits, whatever the model takes", () => {
  const request = (id: string): string =>
    `{"parameters":{"sequence_id": ${id}},"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[0.25]}]}`;
  for (const id of ["9007199254740993", "18446744073709551615", "7"]) {
    expect(readText(request(id)).sequence).toMatchObject({ id });
  }
});

test("what a client writes as null it has not set", () => {
  const input = { name: "x", datatype: "FP32", shape: [1], parameters: { shared_memory_region: null }, data: [1] };
  const message = { id: null, parameters: null, inputs: [input], outputs: [{ name: "x", parameters: null }] };
  const plain = { id: null, outputs: [{ name: "x", binary: false, classes: null }], sequence: null };
  expect(readText(JSON.stringify(message))).toMatchObject(plain);
  const parameters = { timeout: null, priority: null, sequence_id: null, binary_data_output: null };
  expect(readText(JSON.stringify({ ...message, parameters, outputs: null }))).toMatchObject(plain);
  const outputs = [{ name: "x", parameters: { binary_data: null, classification: null } }];
  const binary = readText(JSON.stringify({ ...message, parameters: { binary_data_output: true }, outputs }));
  expect(binary.outputs).toEqual([{ name: "x", binary: true, classes: null }]);
});
