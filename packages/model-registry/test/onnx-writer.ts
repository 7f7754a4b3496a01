// Writes protobuf fields, for ONNX files that no exporter would write.
export function joined(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  for (let rest = BigInt.asUintN(64, value); ; rest >>= 7n) {
    if (rest < 0x80n) return Uint8Array.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 0x7fn) | 0x80);
  }
}

export function number(field: number, value: number): Uint8Array {
  return joined(varint(BigInt(field << 3)), varint(BigInt(value)));
}

export function message(field: number, ...parts: Uint8Array[]): Uint8Array {
  const content = joined(...parts);
  return joined(varint(BigInt((field << 3) | 2)), varint(BigInt(content.length)), content);
}

export function text(field: number, content: string): Uint8Array {
  return message(field, new TextEncoder().encode(content));
}

/** The smallest model this package accepts. */
export function smallOnnx(): Uint8Array {
  const output = message(12, text(1, "late"), message(2, message(1, number(1, 1))));
  const graph = message(7, message(1, text(4, "Identity")), text(2, "g"), output);
  return joined(number(1, 8), graph, message(8, number(2, 17)));
}
