import type { ColumnData } from "./column-data.ts";

/** Some rows of a column, in the order given. A string comes with those texts alone that its rows have. */
export function pick(column: ColumnData, rows: Uint32Array): ColumnData {
  const valid = column.valid === undefined ? {} : { valid: picked(column.valid, rows, new Uint8Array(rows.length)) };
  switch (column.kind) {
    case "number":
    case "time":
      return { ...column, values: picked(column.values, rows, new Float64Array(rows.length)), ...valid };
    case "boolean":
      return { ...column, values: picked(column.values, rows, new Uint8Array(rows.length)), ...valid };
    case "bigint": {
      const values = new BigInt64Array(rows.length);
      for (let i = 0; i < rows.length; i++) values[i] = column.values[rows[i] as number] as bigint;
      return { ...column, values, ...valid };
    }
    case "vector":
      return { ...column, values: Array.from(rows, (row) => column.values[row] as Float32Array), ...valid };
    default: {
      const texts = new TextCodes();
      const values = texts.translate(column, picked(column.values, rows, new Int32Array(rows.length)));
      return { ...column, values, dictionary: texts.dictionary, ...valid };
    }
  }
}

/**
 * Pieces of one column, one after another. They are of one kind, but for integers, of which some pieces may have ones beyond
 * 2^53; one without a value may be of any.
 */
export function concat(given: readonly ColumnData[]): ColumnData {
  const pieces = given.filter(({ values }) => values.length > 0);
  // A piece of nulls alone may be of any kind.
  const first = pieces.find(({ valid }) => valid === undefined || valid.includes(1)) ?? pieces[0];
  if (first === undefined) return { kind: "number", values: new Float64Array(0), integer: true };
  const length = pieces.reduce((sum, { values }) => sum + values.length, 0);
  const valid = pieces.every((piece) => piece.valid === undefined) ? {} : { valid: validityOf(pieces, length) };
  const all = <Values extends Float64Array | Uint8Array | Int32Array>(into: Values, of: Each<Values>): Values =>
    joined(pieces, into, of);
  switch (first.kind) {
    case "number":
    case "bigint": {
      if (pieces.some(({ kind }) => kind === "bigint")) {
        const values = BigInt64Array.from(pieces.flatMap((piece) => Array.from(integersOf(piece))));
        return { kind: "bigint", values, ...valid };
      }
      const integer = pieces.every((piece) => piece.kind === "number" && piece.integer);
      return { kind: "number", values: all(new Float64Array(length), numbersOf), integer, ...valid };
    }
    case "time": {
      const naive = pieces.some((piece) => piece.kind === "time" && piece.naive);
      return { kind: "time", values: all(new Float64Array(length), numbersOf), naive, ...valid };
    }
    case "boolean":
      return { kind: "boolean", values: all(new Uint8Array(length), numbersOf), ...valid };
    case "vector":
      return {
        kind: "vector",
        values: pieces.flatMap((piece) => (piece.kind === "vector" ? piece.values : [])),
        ...valid,
      };
    default: {
      const texts = new TextCodes();
      const codes = (piece: ColumnData): Int32Array =>
        piece.kind === "string" ? texts.translate(piece, piece.values) : new Int32Array(piece.values.length);
      const values = all(new Int32Array(length), codes);
      return { kind: "string", values, dictionary: texts.dictionary, ...valid };
    }
  }
}

/** What a piece takes, about. */
export function bytesOf(column: ColumnData): number {
  const nulls = column.valid?.byteLength ?? 0;
  if (column.kind === "vector")
    return column.values.reduce((sum, each) => sum + each.byteLength + bytesPerObject, nulls);
  if (column.kind !== "string") return column.values.byteLength + nulls;
  return column.dictionary.reduce((sum, text) => sum + text.length + bytesPerObject, column.values.byteLength + nulls);
}

const bytesPerObject = 64;

type Each<Values> = (piece: ColumnData) => Values | Float64Array | Uint8Array;

function picked<Values extends Float64Array | Uint8Array | Int32Array>(
  from: Values,
  rows: Uint32Array,
  into: Values,
): Values {
  for (let i = 0; i < rows.length; i++) into[i] = from[rows[i] as number] as number;
  return into;
}

function joined<Values extends Float64Array | Uint8Array | Int32Array>(
  pieces: readonly ColumnData[],
  into: Values,
  of: Each<Values>,
): Values {
  let at = 0;
  for (const piece of pieces) {
    into.set(of(piece), at);
    at += piece.values.length;
  }
  return into;
}

const validityOf = (pieces: readonly ColumnData[], length: number): Uint8Array =>
  joined(pieces, new Uint8Array(length), ({ valid, values }) => valid ?? new Uint8Array(values.length).fill(1));

const numbersOf = (piece: ColumnData): Float64Array | Uint8Array =>
  piece.kind === "number" || piece.kind === "time" || piece.kind === "boolean"
    ? piece.values
    : new Float64Array(piece.values.length);

function integersOf(piece: ColumnData): Iterable<bigint> {
  if (piece.kind === "bigint") return piece.values;
  return Array.from(numbersOf(piece), (number) => BigInt(number));
}

/** Numbers texts in the order they come. */
class TextCodes {
  readonly #codes = new Map<string, number>();

  get dictionary(): readonly string[] {
    return [...this.#codes.keys()];
  }

  /** Codes into the dictionary of a piece as codes into this one. */
  translate({ dictionary }: { readonly dictionary: readonly string[] }, codes: Int32Array): Int32Array {
    const known = new Int32Array(dictionary.length).fill(-1);
    return codes.map((code) => {
      // A null has any code, and a piece of nulls alone no text.
      const text = dictionary[code];
      if (text === undefined) return 0;
      if (known[code] === -1) {
        known[code] = this.#codes.get(text) ?? this.#codes.size;
        this.#codes.set(text, known[code]);
      }
      return known[code] as number;
    });
  }
}
