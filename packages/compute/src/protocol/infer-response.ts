import { concatBytes } from "@ashlar/core";

import type { TypedTensor } from "../infer/tensor.ts";
import { writeBinaryData } from "./binary-data.ts";
import { datatypeOf } from "./datatypes.ts";
import { jsonTextReply, type ProtocolReply } from "./exchange.ts";
import type { RequestedOutput } from "./infer-request.ts";
import { quote } from "./json.ts";
import { writeJsonData } from "./json-data.ts";

export interface InferAnswer {
  readonly model: string;
  readonly version: string;
  readonly id: string | null;
  readonly requested: readonly RequestedOutput[];
  readonly outputs: Readonly<Record<string, TypedTensor>>;
}

/**
 * Writes an inference response: JSON, or JSON followed by the tensors that were asked for in binary.
 *
 * @throws PROTOCOL_UNSUPPORTED when an output has no JSON form
 */
export function writeInferResponse(answer: InferAnswer): ProtocolReply {
  const binary: Uint8Array<ArrayBuffer>[] = [];
  let binaryBytes = 0;
  let ascii = true;
  const outputs = answer.requested.map(({ name, binary: asBinary }) => {
    const tensor = answer.outputs[name] as TypedTensor;
    const datatype = datatypeOf(tensor.type);
    const head = `"name":${quote(name)},"shape":[${tensor.shape.join(",")}],"datatype":"${datatype}"`;
    if (!asBinary) {
      if (datatype === "BYTES") ascii = false;
      return `{${head},"data":${writeJsonData(name, datatype, tensor.data)}}`;
    }
    const bytes = writeBinaryData(datatype, tensor.data);
    binary.push(bytes);
    binaryBytes += bytes.byteLength;
    return `{${head},"parameters":{"binary_data_size":${bytes.byteLength}}}`;
  });
  const id = answer.id === null ? "" : `"id":${quote(answer.id)},`;
  const names = `"model_name":${quote(answer.model)},"model_version":${quote(answer.version)}`;
  const json = `{${names},${id}"outputs":[${outputs.join(",")}]}`;
  if (binary.length === 0) return jsonTextReply(json, ascii);

  const header = utf8.encode(json);
  const pieces = [header, ...binary];
  return {
    status: 200,
    headers: {
      "content-type": "application/octet-stream",
      "inference-header-content-length": String(header.byteLength),
    },
    body: binaryBytes > joinedBytes ? pieces : (concatBytes(pieces) as Uint8Array<ArrayBuffer>),
  };
}

const utf8 = new TextEncoder();

/** Fewer bytes are sent sooner in one piece than in several. */
const joinedBytes = 32 * 1024;
