import { floatTensor, int64Tensor, onnxModel, onnxNode, tensorInfo } from "../src/onnx/build.ts";
import { encodeOnnx } from "../src/onnx/encode.ts";
import { WireWriter } from "../src/onnx/wire-writer.ts";

/** `y = x * factor`, row by row; two columns. */
export function scale(factor: number, input = "x"): Uint8Array {
  return encodeOnnx(
    onnxModel({
      name: "scale",
      nodes: [onnxNode("Mul", [input, "factor"], ["y"])],
      initializers: [floatTensor("factor", [1], [factor])],
      inputs: [tensorInfo(input, "float32", ["rows", 2])],
      outputs: [tensorInfo("y", "float32", ["rows", 2])],
    }),
  );
}

/** `y = x + 1`, row by row; two columns. */
export function addOne(): Uint8Array {
  return encodeOnnx(
    onnxModel({
      name: "add",
      nodes: [onnxNode("Add", ["x", "one"], ["y"])],
      initializers: [floatTensor("one", [1], [1])],
      inputs: [tensorInfo("x", "float32", ["rows", 2])],
      outputs: [tensorInfo("y", "float32", ["rows", 2])],
    }),
  );
}

/** A product of two matrices: slow when they are large, and not to be batched. */
export const product: Uint8Array = encodeOnnx(
  onnxModel({
    name: "product",
    nodes: [onnxNode("MatMul", ["a", "b"], ["c"])],
    inputs: [tensorInfo("a", "float32", ["m", "k"]), tensorInfo("b", "float32", ["k", "n"])],
    outputs: [tensorInfo("c", "float32", ["m", "n"])],
  }),
);

export function square(side: number): { data: Float32Array; shape: number[] } {
  return { data: new Float32Array(side * side).fill(1), shape: [side, side] };
}

/** A model with one operator that no runtime has. */
export const unknownOperator: Uint8Array = encodeOnnx(
  onnxModel({
    name: "unknown",
    nodes: [onnxNode("Frobnicate", ["x"], ["y"])],
    inputs: [tensorInfo("x", "float32", ["n", 1])],
    outputs: [tensorInfo("y", "float32", ["n", 1])],
  }),
);

/**
 * A `Loop` over one number, of shape []. Endless: zero passes, and anything else is turned over for ever. Counted: it is
 * turned over as often as it says, so that what a run costs lies in the data.
 */
export function loop(kind: "endless" | "counted"): Uint8Array {
  const [float, int64, bool] = [1, 7, 9];
  const value = (writer: WireWriter, field: number, name: string, type: number): void =>
    writer.message(field, (info) => {
      info.string(1, name);
      info.message(2, (proto) =>
        proto.message(1, (tensor) => {
          tensor.int(1, type);
          tensor.message(2, () => {});
        }),
      );
    });
  const copy = (graph: WireWriter, from: string, to: string): void =>
    graph.message(1, (node) => {
      node.string(1, from);
      node.string(2, to);
      node.string(4, "Identity");
    });
  const body = (graph: WireWriter): void => {
    copy(graph, "again", "on");
    copy(graph, "carried", "kept");
    graph.string(2, "body");
    value(graph, 11, "round", int64);
    value(graph, 11, "again", bool);
    value(graph, 11, "carried", float);
    value(graph, 12, "on", bool);
    value(graph, 12, "kept", float);
  };
  const model = new WireWriter();
  model.int(1, 8);
  model.message(8, (set) => {
    set.string(1, "");
    set.int(2, 17);
  });
  model.message(7, (graph) => {
    graph.message(1, (cast) => {
      cast.string(1, "x");
      cast.string(2, "more");
      cast.string(4, "Cast");
      cast.message(5, (to) => {
        to.string(1, "to");
        to.int(3, kind === "endless" ? bool : int64);
        to.int(20, 2);
      });
    });
    graph.message(1, (loop) => {
      for (const input of kind === "endless" ? ["", "more", "x"] : ["more", "", "x"]) loop.string(1, input);
      loop.string(2, "y");
      loop.string(4, "Loop");
      loop.message(5, (attribute) => {
        attribute.string(1, "body");
        attribute.message(6, body);
        attribute.int(20, 5);
      });
    });
    graph.string(2, kind);
    value(graph, 11, "x", float);
    value(graph, 12, "y", float);
  });
  return model.finish();
}

/** A model whose only tensor lies in a file of the machine. */
export function externalTensor(location: string): Uint8Array {
  const model = new WireWriter();
  model.int(1, 8);
  model.message(7, (graph) => {
    graph.string(2, "external");
    graph.message(5, (tensor) => {
      tensor.int(1, 4);
      tensor.int(2, 1);
      tensor.string(8, "w");
      tensor.message(13, (entry) => {
        entry.string(1, "location");
        entry.string(2, location);
      });
      tensor.int(14, 1);
    });
  });
  return model.finish();
}

/** `y = x` of any type, two columns: a float model with another `TensorProto.DataType` in its two tensor infos. */
export function identityOf(type: number): Uint8Array {
  const bytes = encodeOnnx(
    onnxModel({
      name: "identity",
      nodes: [onnxNode("Identity", ["x"], ["y"])],
      inputs: [tensorInfo("x", "float32", ["n", 2])],
      outputs: [tensorInfo("y", "float32", ["n", 2])],
    }),
  );
  // TypeProto.Tensor begins with elem_type, field 1, and goes on with the shape, field 2.
  for (let at = 0; at + 2 < bytes.length; at++) {
    if (bytes[at] === 0x08 && bytes[at + 1] === 0x01 && bytes[at + 2] === 0x12) bytes[at + 1] = type;
  }
  return bytes;
}

/** A file of a hundred bytes that asks for terabytes. */
export const absurdShape: Uint8Array = encodeOnnx(
  onnxModel({
    name: "absurd",
    nodes: [
      onnxNode("ConstantOfShape", ["size"], ["zeros"]),
      onnxNode("ReduceSum", ["zeros"], ["sum"]),
      onnxNode("Add", ["x", "sum"], ["y"]),
    ],
    initializers: [int64Tensor("size", [2], [2_000_000, 2_000_000])],
    inputs: [tensorInfo("x", "float32", ["n", 2])],
    outputs: [tensorInfo("y", "float32", ["n", 2])],
  }),
);
