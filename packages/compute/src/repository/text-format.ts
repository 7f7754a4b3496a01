/** One value of a field, and where it begins in the text. */
export type TextValue = { readonly offset: number } & (
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "integer"; readonly value: bigint }
  | { readonly kind: "float"; readonly value: number }
  /** `true`, `inf`, `KIND_CPU`; with its sign, where it has one: `-inf`. */
  | { readonly kind: "name"; readonly value: string }
  | { readonly kind: "message"; readonly fields: readonly TextField[] }
);

export interface TextField {
  readonly name: string;
  readonly offset: number;
  /** Written as a list, which only repeated fields may be. */
  readonly list: boolean;
  readonly values: readonly TextValue[];
}

/** What is wrong with a text, and where: lines and columns count from 1. */
export class TextFormatError extends Error {
  override readonly name = "TextFormatError";
  readonly line: number;
  readonly column: number;

  constructor(text: string, offset: number, reason: string) {
    const before = text.slice(0, offset).split("\n");
    const [line, column] = [before.length, (before.at(-1) ?? "").length + 1];
    super(`line ${line}, column ${column}: ${reason}`);
    this.line = line;
    this.column = column;
  }
}

const maxLength = 1024 * 1024;
const maxDepth = 32;

const escapes: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 };
const escape =
  /\\(?:([abfnrtv])|([?\\'"])|([0-7]{1,3})|x([\da-fA-F]{1,2})|u([\da-fA-F]{4})|U(000[\da-fA-F]{5}|0010[\da-fA-F]{4}))/y;
const plain: Readonly<Record<string, RegExp>> = { "'": /[^'\\\n\0]+/y, '"': /[^"\\\n\0]+/y };
const identifier = /[A-Za-z_]\w*/y;
/** All that could belong to a number: one that has a letter at its end is none. */
const numberRun = /\.?\d(?:[eE][+-]|[\w.])*/y;
const integerForm = /^(?:0|[1-9]\d*|0[0-7]+|0[xX][\da-fA-F]+)$/;
const floatForm = /^(?:(?:\.\d+|(?:0|[1-9]\d*)\.\d*)(?:[eE][+-]?\d+)?[fF]?|(?:0|[1-9]\d*)(?:[eE][+-]?\d+[fF]?|[fF]))$/;

/**
 * Reads Protocol Buffers' text format without a schema, after the
 * [Text Format Language Specification](https://protobuf.dev/reference/protobuf/textformat-spec/). Extensions and `Any` are
 * refused, as are texts of more than 1 Mi characters and messages more than 32 deep. Takes time linear in the text.
 *
 * @throws TextFormatError
 */
export function parseTextFormat(text: string): readonly TextField[] {
  if (text.length > maxLength) throw new TextFormatError(text, 0, `there are more than ${maxLength} characters`);
  return new Parser(text).fields("", 0);
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** `Message = { Field }`, up to the bracket that ends it. */
  fields(end: string, depth: number): TextField[] {
    const fields: TextField[] = [];
    for (;;) {
      const next = this.#next();
      if (next === end) {
        this.#at += end.length;
        return fields;
      }
      fields.push(this.#field(depth));
    }
  }

  #field(depth: number): TextField {
    const offset = this.#at;
    if (this.#next() === "[") this.#fail("extensions and Any are not read, a field has a plain name");
    const name = this.#match(identifier) ?? this.#fail("there must be the name of a field");
    const colon = this.#skip(":");
    const next = this.#next();
    const list = next === "[";
    const begin = this.#at;
    const values = list ? this.#list(depth) : [this.#value(depth)];
    if (!colon && values.some(({ kind }) => kind !== "message")) this.#fail(`":" must follow ${name}`, begin);
    if (!this.#skip(";")) this.#skip(",");
    return { name, offset, list, values };
  }

  #list(depth: number): TextValue[] {
    this.#at++;
    const values: TextValue[] = [];
    if (this.#skip("]")) return values;
    do {
      const value = this.#value(depth);
      const first = values[0] ?? value;
      if ((first.kind === "message") !== (value.kind === "message")) {
        this.#fail("a list holds either messages or scalars", value.offset);
      }
      values.push(value);
    } while (this.#skip(","));
    if (!this.#skip("]")) this.#fail('"]" or "," must follow a value of a list');
    return values;
  }

  #value(depth: number): TextValue {
    const next = this.#next();
    const offset = this.#at;
    if (next === "{" || next === "<") {
      if (depth === maxDepth) this.#fail(`messages are more than ${maxDepth} deep`);
      this.#at++;
      return { kind: "message", fields: this.fields(next === "{" ? "}" : ">", depth + 1), offset };
    }
    if (next === '"' || next === "'") return { kind: "string", value: this.#string(), offset };
    const negative = this.#skip("-");
    this.#next();
    const name = this.#match(identifier);
    if (name !== null) return { kind: "name", value: negative ? `-${name}` : name, offset };
    const digits = this.#match(numberRun) ?? this.#fail("there must be a value");
    if (floatForm.test(digits)) {
      const value = Number(digits.replace(/[fF]$/, ""));
      return { kind: "float", value: negative ? -value : value, offset };
    }
    // Longer ones have no place in 64 bits, and take more than linear time.
    if (digits.length > 30 || !integerForm.test(digits)) this.#fail(`${digits.slice(0, 30)} is not a number`, offset);
    const value = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits);
    return { kind: "integer", value: negative ? -value : value, offset };
  }

  /** `String = STRING, { STRING }`: bytes, which together must be UTF-8. */
  #string(): string {
    const begin = this.#at;
    const parts: Uint8Array[] = [];
    for (let quote = this.#next(); quote === '"' || quote === "'"; quote = this.#next()) {
      this.#at++;
      while (this.#text[this.#at] !== quote) {
        const text = this.#match(plain[quote] as RegExp);
        parts.push(text === null ? this.#escape() : Buffer.from(text));
      }
      this.#at++;
    }
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(parts));
    } catch {
      return this.#fail("the bytes of this string are not UTF-8", begin);
    }
  }

  #escape(): Uint8Array {
    if (this.#text[this.#at] !== "\\") this.#fail("the string is not closed on its line");
    escape.lastIndex = this.#at;
    const [whole = "", control, itself, octal, hex, short, long] =
      escape.exec(this.#text) ?? this.#fail("there is no such escape sequence");
    if (control !== undefined) return this.#taken(whole, Uint8Array.of(escapes[control] ?? 0));
    if (itself !== undefined) return this.#taken(whole, Buffer.from(itself));
    if (octal !== undefined && Number.parseInt(octal, 8) > 255) this.#fail("an octal escape is one byte, at most 377");
    if (octal !== undefined) return this.#taken(whole, Uint8Array.of(Number.parseInt(octal, 8)));
    if (hex !== undefined) return this.#taken(whole, Uint8Array.of(Number.parseInt(hex, 16)));
    const point = Number.parseInt(short ?? long ?? "", 16);
    if (point >= 0xd800 && point <= 0xdfff) this.#fail("half of a surrogate pair is no character");
    return this.#taken(whole, Buffer.from(String.fromCodePoint(point)));
  }

  #taken(text: string, bytes: Uint8Array): Uint8Array {
    this.#at += text.length;
    return bytes;
  }

  /** Goes past white space and comments; gives the character that follows, `""` at the end. */
  #next(): string {
    for (;;) {
      const next = this.#text[this.#at] ?? "";
      if (next === "#") {
        const end = this.#text.indexOf("\n", this.#at);
        this.#at = end < 0 ? this.#text.length : end + 1;
      } else if (next !== "" && " \n\t\v\f\r".includes(next)) this.#at++;
      else return next;
    }
  }

  #skip(character: string): boolean {
    const found = this.#next() === character;
    if (found) this.#at++;
    return found;
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? null;
    this.#at += found?.length ?? 0;
    return found;
  }

  #fail(reason: string, offset: number = this.#at): never {
    throw new TextFormatError(this.#text, offset, reason);
  }
}
