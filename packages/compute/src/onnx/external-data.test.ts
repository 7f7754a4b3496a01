import { describe, expect, it } from "vitest";
import { externalTensor } from "../../test/onnx-models.ts";
import { externalDataOf } from "./external-data.ts";
import { WireWriter } from "./wire-writer.ts";

/** The fields of a graph whose tensor lies in the file `far`, after other bytes, under a tag of one's own. */
function farTensor(before: readonly number[], tag: readonly number[] = [5 * 8 + 2]): Uint8Array {
  const model = externalTensor("far");
  // The name of the graph, then its tensor, end the file.
  const tensor = model.subarray(model.lastIndexOf(0x2a));
  expect(tensor.length).toBe(2 + tensor[1]!);
  return Uint8Array.of(...before, ...tag, ...tensor.subarray(1));
}

/** A model whose graph has these fields. */
function modelOf(graph: Uint8Array): Uint8Array {
  const writer = new WireWriter();
  writer.int(1, 8);
  writer.bytes(7, graph);
  return writer.finish();
}

/** A graph whose one node has the other as its branch. */
function around(graph: Uint8Array): Uint8Array {
  const writer = new WireWriter();
  writer.message(1, (node) => node.message(5, (attribute) => attribute.bytes(6, graph)));
  return writer.finish();
}

describe("data outside the file of a model", () => {
  it("is found as deep as ONNX Runtime reads it: in 31 branches of branches", () => {
    let graph = farTensor([]);
    for (let depth = 0; depth <= 31; depth++) {
      expect(externalDataOf(modelOf(graph))).toBe("far");
      graph = around(graph);
    }
  });

  it("is found behind a group, which parsers skip", () => {
    const start = [0xc3, 0x3e];
    const end = [0xc4, 0x3e];
    expect(externalDataOf(modelOf(farTensor([...start, 0x08, 0x01, ...end])))).toBe("far");
  });

  it("is found under a tag with bits above 32, which parsers drop", () => {
    expect(externalDataOf(modelOf(farTensor([], [0x80 | (5 * 8 + 2), 0x80, 0x80, 0x80, 0x10])))).toBe("far");
  });

  it("ends on bytes that are nested without end", () => {
    let graph = new Uint8Array(0);
    for (let depth = 0; depth < 200; depth++) graph = around(graph) as typeof graph;
    expect(externalDataOf(modelOf(graph))).toBeNull();
  });
});
