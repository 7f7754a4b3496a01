import { fileURLToPath } from "node:url";

import { loadSync, type MethodDefinition } from "@grpc/proto-loader";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { createInferenceServer } from "../infer/index.ts";
import { decodeMessage, encodeMessage, type Message, type MessageSchema } from "./wire.ts";

type Method = MethodDefinition<object, object>;
const proto = fileURLToPath(new URL("../../open-inference.proto", import.meta.url));
const options = { keepCase: true, longs: String, enums: Number, defaults: true } as const;
const service = loadSync(proto, options)["inference.GRPCInferenceService"] as Readonly<Record<string, Method>>;
const { definition } = createInferenceServer().grpc();

const everything: Readonly<Record<string, Message>> = {
  ModelInfer: {
    model_name: "grüße",
    id: "7",
    parameters: { priority: { uint64_param: 2 }, sequence_start: { bool_param: true }, x: { double_param: -0.5 } },
    inputs: [
      { name: "a", datatype: "INT64", shape: [2, -1], contents: { int64_contents: [-1, 2n ** 62n, -(2n ** 63n)] } },
      { name: "b", datatype: "FP32", shape: [], contents: { fp32_contents: [0.5, -2], fp64_contents: [1e300] } },
      {
        name: "c",
        datatype: "UINT64",
        shape: [1],
        contents: { uint64_contents: [2n ** 64n - 1n], uint_contents: [2 ** 32 - 1] },
      },
      {
        name: "d",
        datatype: "BOOL",
        shape: [2],
        contents: { bool_contents: [true, false], int_contents: [-5, 2 ** 31 - 1] },
      },
    ],
    outputs: [{ name: "y", parameters: { classification: { int64_param: 3 } } }],
    raw_input_contents: [Buffer.from([1, 2, 3]), Buffer.alloc(300, 7)],
  },
  ModelStatistics: { name: "m" },
  RepositoryModelLoad: {
    model_name: "m",
    parameters: { config: { string_param: "{}" }, f: { bytes_param: Buffer.of(1) } },
  },
};

/** Bytes and wide numbers as text, absent and empty alike. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, inner: unknown) => {
      if (typeof inner === "bigint" || typeof inner === "number") return String(inner);
      return inner === "" ? undefined : inner;
    }),
  );

describe("messages of gRPC", () => {
  test("every method of the published file is there, with its path and its streams", () => {
    expect(Object.keys(definition).sort()).toEqual(Object.keys(service).sort());
    for (const [name, method] of Object.entries(definition)) {
      const { path, requestStream, responseStream } = service[name] as Method;
      expect(method).toMatchObject({ path, requestStream, responseStream });
    }
  });

  test.each(Object.entries(everything))(
    "%s is read and written as protobufjs does by the published file",
    (name, message) => {
      const ours = definition[name];
      const theirs = service[name] as Method;
      const bytes = ours?.requestSerialize(message) ?? Buffer.alloc(0);
      const read = theirs.requestDeserialize(bytes);
      const back = theirs.requestSerialize(read);
      expect(plain(ours?.requestDeserialize(back))).toEqual(plain(ours?.requestDeserialize(bytes)));
      expect(plain(theirs.requestDeserialize(back))).toEqual(plain(read));
      expect(plain(ours?.requestDeserialize(bytes))).toMatchObject(plain(message) as object);
    },
  );

  const schema: MessageSchema = {
    s: { id: 1, type: "string" },
    i: { id: 2, type: "int64", label: "repeated" },
    d: { id: 15, type: "double", label: "repeated" },
    m: { id: 16, type: { u: { id: 1, type: "uint32" } }, label: "map" },
    b: { id: 2000, type: "bytes" },
  };

  test("any message comes back as it was", () => {
    const message = fc.record({
      s: fc.string({ unit: "grapheme" }),
      i: fc.array(fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 54n) }))),
      d: fc.array(fc.double()),
      m: fc.dictionary(fc.string({ minLength: 1 }), fc.record({ u: fc.nat() })),
      b: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    });
    fc.assert(
      fc.property(message, (value) => {
        const back = decodeMessage(schema, encodeMessage(schema, value));
        expect({ ...back, m: { ...(back["m"] as Message) } }).toEqual({ ...value, m: { ...value.m } });
      }),
    );
  });

  test("any bytes are read or refused, and fields that nobody knows are passed over", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        let code = "PROTOCOL_REQUEST_INVALID";
        try {
          decodeMessage(schema, bytes);
        } catch (error) {
          ({ code } = error as { code: string });
        }
        expect(code).toBe("PROTOCOL_REQUEST_INVALID");
      }),
    );
    const later = encodeMessage({ ...schema, n: { id: 9, type: "string" } }, { s: "a", n: "new" });
    expect(decodeMessage(schema, later)).toMatchObject({ s: "a" });
    const wrongType = encodeMessage({ s: { id: 1, type: "double" } }, { s: 1 });
    expect(() => decodeMessage(schema, wrongType)).toThrow("wire type");
    expect(() => decodeMessage(schema, Uint8Array.of(0x0a, 200, 1))).toThrow("past the end");
    expect(() => decodeMessage(schema, Uint8Array.of(0x0a, 1, 0xff))).toThrow("not UTF-8");
    expect(() => decodeMessage(schema, new Uint8Array(12).fill(0xff))).toThrow("ten bytes");
  });
});
