import { computeError } from "../errors.ts";
import {
  attributeTypeCodes,
  elementTypeCodes,
  elementWidths,
  type OnnxAttribute,
  type OnnxElementType,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxTensorInfo,
} from "./model.ts";
import { WireWriter } from "./wire-writer.ts";

/**
 * Writes a model as the bytes of an `.onnx` file. The same model gives the same bytes. Field numbers are those of the
 * public `onnx.proto3`.
 *
 * @throws ONNX_UNENCODABLE when a tensor's shape and data disagree or an integer is not exact
 */
export function encodeOnnx(model: OnnxModel): Uint8Array {
  const writer = new WireWriter();
  writer.int(1, model.irVersion);
  writer.string(2, model.producer);
  writer.message(7, (graph) => writeGraph(graph, model.graph));
  for (const set of model.operatorSets) {
    writer.message(8, (entry) => {
      entry.string(1, set.domain);
      entry.int(2, set.version);
    });
  }
  for (const [key, value] of Object.entries(model.metadata)) {
    writer.message(14, (entry) => {
      entry.string(1, key);
      entry.string(2, value);
    });
  }
  return writer.finish();
}

function writeGraph(writer: WireWriter, graph: OnnxGraph): void {
  for (const node of graph.nodes) writer.message(1, (nested) => writeNode(nested, node));
  writer.string(2, graph.name);
  for (const tensor of graph.initializers) writer.message(5, (nested) => writeTensor(nested, tensor));
  for (const info of graph.inputs) writer.message(11, (nested) => writeTensorInfo(nested, info));
  for (const info of graph.outputs) writer.message(12, (nested) => writeTensorInfo(nested, info));
}

function writeNode(writer: WireWriter, node: OnnxNode): void {
  for (const input of node.inputs) writer.string(1, input);
  for (const output of node.outputs) writer.string(2, output);
  writer.string(3, node.name);
  writer.string(4, node.operator);
  for (const [name, attribute] of Object.entries(node.attributes)) {
    writer.message(5, (nested) => writeAttribute(nested, name, attribute));
  }
  if (node.domain !== "") writer.string(7, node.domain);
}

function writeAttribute(writer: WireWriter, name: string, attribute: OnnxAttribute): void {
  writer.string(1, name);
  if ("float" in attribute) {
    writer.float(2, attribute.float);
    writer.int(20, attributeTypeCodes.float);
  } else if ("int" in attribute) {
    writer.int(3, attribute.int);
    writer.int(20, attributeTypeCodes.int);
  } else if ("string" in attribute) {
    writer.string(4, attribute.string);
    writer.int(20, attributeTypeCodes.string);
  } else if ("floats" in attribute) {
    writer.packedFloats(7, attribute.floats);
    writer.int(20, attributeTypeCodes.floats);
  } else if ("ints" in attribute) {
    writer.packedInts(8, attribute.ints);
    writer.int(20, attributeTypeCodes.ints);
  } else {
    for (const value of attribute.strings) writer.string(9, value);
    writer.int(20, attributeTypeCodes.strings);
  }
}

function writeTensor(writer: WireWriter, tensor: OnnxTensor): void {
  const size = tensor.shape.reduce((product, length) => product * length, 1);
  if (size !== tensor.data.length) {
    const what = `the tensor "${tensor.name}" of shape [${tensor.shape.join(", ")}] has ${tensor.data.length} values`;
    throw computeError("ONNX_UNENCODABLE", { what, rule: `its shape asks for ${size}` });
  }
  writer.packedInts(1, tensor.shape);
  writer.int(2, elementTypeCodes[tensor.type]);
  writer.string(8, tensor.name);
  writer.bytes(9, rawData(tensor));
}

/** `raw_data`: little-endian, row-major. */
function rawData({ name, data, type }: OnnxTensor): Uint8Array {
  const width = elementWidths[type];
  const raw = new Uint8Array(data.length * width);
  const view = new DataView(raw.buffer);
  const write: Readonly<Record<OnnxElementType, (at: number, value: number) => void>> = {
    float32: (at, value) => view.setFloat32(at, value, true),
    float64: (at, value) => view.setFloat64(at, value, true),
    int64: (at, value) => view.setBigInt64(at, exactInteger(name, value), true),
    int32: (at, value) => view.setInt32(at, value, true),
    uint16: (at, value) => view.setUint16(at, value, true),
    uint8: (at, value) => view.setUint8(at, value),
    bool: (at, value) => view.setUint8(at, value === 0 ? 0 : 1),
  };
  for (let i = 0; i < data.length; i++) write[type](i * width, data[i] ?? 0);
  return raw;
}

function exactInteger(name: string, value: number): bigint {
  if (Number.isSafeInteger(value)) return BigInt(value);
  throw computeError("ONNX_UNENCODABLE", {
    what: `the int64 tensor "${name}" holds ${value}`,
    rule: "integers lie within ±(2^53 - 1)",
  });
}

function writeTensorInfo(writer: WireWriter, info: OnnxTensorInfo): void {
  writer.string(1, info.name);
  writer.message(2, (type) =>
    type.message(1, (tensor) => {
      tensor.int(1, elementTypeCodes[info.type]);
      tensor.message(2, (shape) => {
        for (const dimension of info.shape) {
          shape.message(1, (entry) =>
            typeof dimension === "number" ? entry.int(1, dimension) : entry.string(2, dimension),
          );
        }
      });
    }),
  );
}
