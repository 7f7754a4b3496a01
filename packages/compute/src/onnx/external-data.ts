/** Field numbers of `onnx.proto3` on the way to a tensor, and the message each leads to. */
const paths: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  model: { 7: "graph", 25: "function" },
  graph: { 1: "node", 5: "tensor", 15: "sparse" },
  function: { 7: "node" },
  node: { 5: "attribute" },
  attribute: { 5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse" },
  sparse: { 1: "tensor", 2: "tensor" },
  tensor: { 13: "external" },
  external: { 2: "value" },
};

/** Messages in messages deeper than this are not looked into: parsers of Protocol Buffers refuse them beyond 100. */
const maxDepth = 100;

/**
 * The place of the first tensor that a model keeps outside its file (`external_data`), or `null`. Such a path is the
 * model's to choose, so that a hostile one reads any file of the machine. Bytes that are no model give `null`: it is the
 * runtime's to say what is wrong with them.
 */
export function externalDataOf(model: Uint8Array): string | null {
  return search(model, "model", 0);
}

function search(bytes: Uint8Array, message: string, depth: number): string | null {
  const fields = paths[message] ?? {};
  let position = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[position++];
      if (byte === undefined) return Number.NaN;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  while (position < bytes.length) {
    // Parsers drop the bits of a tag above 32, and skip the marks of a group.
    const tag = varint() % 2 ** 32;
    const type = tag % 8;
    if (type === 3 || type === 4) continue;
    if (type === 0) varint();
    else if (type === 1) position += 8;
    else if (type === 5) position += 4;
    else if (type === 2) {
      const length = varint();
      const end = position + length;
      if (!(end <= bytes.length)) return null;
      const next = fields[Math.floor(tag / 8)];
      if (next === "value") return new TextDecoder().decode(bytes.subarray(position, end));
      if (next !== undefined && depth < maxDepth) {
        const found = search(bytes.subarray(position, end), next, depth + 1);
        if (found !== null) return found;
      }
      position = end;
    } else return null;
  }
  return null;
}
