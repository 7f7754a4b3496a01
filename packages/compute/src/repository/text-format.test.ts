import fc from "fast-check";
import protobuf from "protobufjs";
import textformat from "protobufjs/ext/textformat.js";
import { describe, expect, test } from "vitest";

import { parseTextFormat, type TextField, TextFormatError, type TextValue } from "./text-format.ts";

/** Without the offsets. */
type Plain = string | bigint | number | { readonly name: string } | readonly Field[];
type Field = readonly [name: string, values: readonly Plain[]];

const plainValue = (value: TextValue): Plain => {
  if (value.kind === "message") return plain(value.fields);
  return value.kind === "name" ? { name: value.value } : value.value;
};
const plain = (fields: readonly TextField[]): Field[] =>
  fields.map(({ name, values }) => [name, values.map(plainValue)]);
const read = (text: string) => plain(parseTextFormat(text));

describe("the text format", () => {
  test("has fields, messages and lists in every way to write them", () => {
    const text = `
      # a comment
      name: "m" ; size: 8, empty {} angle < a: 1 > colon : { a : 1; b: -2, }
      dims: [ 3, -1, 0x1F, 017 ] dims: [] nested [ { a: 1 }, < > ] none: []
      on: true kind: KIND_CPU  # to the end`;
    expect(read(text)).toEqual([
      ["name", ["m"]],
      ["size", [8n]],
      ["empty", [[]]],
      ["angle", [[["a", [1n]]]]],
      [
        "colon",
        [
          [
            ["a", [1n]],
            ["b", [-2n]],
          ],
        ],
      ],
      ["dims", [3n, -1n, 31n, 15n]],
      ["dims", []],
      ["nested", [[["a", [1n]]], []]],
      ["none", []],
      ["on", [{ name: "true" }]],
      ["kind", [{ name: "KIND_CPU" }]],
    ]);
  });

  test.each([
    ["1.5", 1.5],
    ["-.5e+1", -5],
    ["2.f", 2],
    ["10F", 10],
    ["1e400", Number.POSITIVE_INFINITY],
    ["- # sign\n 7", -7n],
    ["inf", { name: "inf" }],
    ["-nan", { name: "-nan" }],
    ["18446744073709551615", 2n ** 64n - 1n],
  ])("has the number %s", (text, value) => expect(read(`a: ${text}`)).toEqual([["a", [value]]]));

  test("joins strings, and has their escapes", () => {
    expect(read(`a: "it's" ' "quoted" '\n# between\n"\\n\\t\\\\\\'\\"\\?"`)).toEqual([
      ["a", [`it's "quoted" \n\t\\'"?`]],
    ]);
    expect(read(`a: "\\303\\244\\xc3\\xA4\\u00e4\\U0001F600\\1019ä"`)).toEqual([["a", ["äää😀A9ä"]]]);
    // The bytes of one character in two strings.
    expect(read(`a: "\\303" "\\244"`)).toEqual([["a", ["ä"]]]);
  });

  test.each([
    ["a: 10b: 2", 1, 4, "not a number"],
    ["a: 08", 1, 4, "not a number"],
    ["a: 2 . 0", 1, 6, "name of a field"],
    [`a: ${"9".repeat(60)}`, 1, 4, "not a number"],
    ["a 10", 1, 3, '":" must follow a'],
    ["a [1]", 1, 3, '":" must follow a'],
    ["a: [1, {}]", 1, 8, "either messages or scalars"],
    ["a: [1,]", 1, 7, "there must be a value"],
    ["a: [1 2]", 1, 7, '"]" or ","'],
    ["a: [[1]]", 1, 5, "there must be a value"],
    ["a {\n  b: 1 >", 2, 8, "name of a field"],
    ["a {\n  b: 1\n", 3, 1, "name of a field"],
    ["a: 1;;", 1, 6, "name of a field"],
    ["a: 'x\n'", 1, 6, "not closed on its line"],
    ["a: 'x", 1, 6, "not closed on its line"],
    ["a: '\\q'", 1, 5, "no such escape"],
    ["a: '\\400'", 1, 5, "at most 377"],
    ["a: '\\ud800'", 1, 5, "surrogate"],
    ["a: '\\xff'", 1, 4, "not UTF-8"],
    ["[com.x]: 1", 1, 1, "extensions"],
    ["a: -'x'", 1, 5, "there must be a value"],
    ["a:\0", 1, 3, "there must be a value"],
  ])("refuses %j and says where", (text, line, column, reason) => {
    expect(() => parseTextFormat(text)).toThrow(TextFormatError);
    expect(() => parseTextFormat(text)).toThrow(
      expect.objectContaining({ line, column, message: expect.stringContaining(reason) }),
    );
  });

  test("is bounded in depth and length", () => {
    expect(read(`${"a{".repeat(32)}${"}".repeat(32)}`)).toHaveLength(1);
    expect(() => parseTextFormat("a{".repeat(100_000))).toThrow("more than 32 deep");
    expect(() => parseTextFormat(" ".repeat(1024 * 1024 + 1))).toThrow("characters");
    expect(parseTextFormat("# x\n".repeat(256 * 1024))).toEqual([]);
    expect(parseTextFormat(`a: '${"x".repeat(1e6)}'`)).toHaveLength(1);
    expect(parseTextFormat("a:1 ".repeat(250_000))).toHaveLength(250_000);
  });

  test("throws nothing but its own error, whatever the text", () => {
    const part = fc.constantFrom(..."{}<>[]:;,-'\"\\ \n#.", "a", "b: ", "12", "0x", "1e", "inf", "\\x", "\0", "ä");
    const text = fc.array(part, { maxLength: 40 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.oneof(text, fc.string({ unit: "binary" })), (input) => {
        let thrown: unknown = null;
        try {
          parseTextFormat(input);
        } catch (error) {
          thrown = error;
        }
        expect(thrown === null || thrown instanceof TextFormatError).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

/** What another reader makes of a text: that of protobufjs, which needs to know the fields. */
const { root } = protobuf.parse(`
  syntax = "proto3";
  enum Kind { KIND_AUTO = 0; KIND_GPU = 1; KIND_CPU = 2; }
  message Node { repeated string text = 1; repeated int64 whole = 2; repeated double real = 3; repeated Kind kind = 4; repeated Node node = 5; }
`);
const nodeType = root.lookupType("Node");
interface Node {
  readonly text: string[];
  readonly whole: string[];
  readonly real: number[];
  readonly kind: string[];
  readonly node: Node[];
}
const byPeer = (text: string): Node =>
  nodeType.toObject(textformat.fromText(nodeType, text), { longs: String, enums: String, arrays: true }) as Node;
const byUs = (fields: readonly TextField[]): Node => {
  const node: Node = { text: [], whole: [], real: [], kind: [], node: [] };
  for (const { name, values } of fields) {
    for (const value of values) {
      if (value.kind === "message") node.node.push(byUs(value.fields));
      else if (value.kind === "integer" && name === "whole") node.whole.push(String(value.value));
      else if (name === "real") node.real.push(Number(value.value));
      else if (name === "kind" || name === "text") node[name].push(String(value.value));
    }
  }
  return node;
};

const gap = fc.constantFrom("", " ", "\n", " # } ' \" \n", "\r\n\t");
const separator = fc.constantFrom(" ", ";", ", ", "\n", " ;# x\n");
const quoted = fc.tuple(fc.string({ unit: "grapheme" }), fc.constantFrom("'", '"')).map(([text, quote]) => {
  return `${quote}${text
    .replace(/[\\'"]/g, "\\$&")
    .replaceAll("\n", "\\n")
    .replaceAll("\0", "\\000")}${quote}`;
});
const string = fc
  .tuple(fc.array(quoted, { minLength: 1, maxLength: 3 }), gap)
  .map(([parts, space]) => parts.join(space));
const whole = fc
  .tuple(fc.constantFrom("", "-", "- "), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), fc.constantFrom(10, 16, 8))
  .map(([sign, value, base]) => `${sign}${{ 10: "", 16: "0x", 8: "0" }[base]}${value.toString(base)}`);
const real = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.constantFrom("1.", ".5f", "1e-7F", "10f", "-2.5E3"),
);
const kind = fc.constantFrom("KIND_AUTO", "KIND_GPU", "KIND_CPU");

const { message } = fc.letrec<{ message: string; field: string }>((tie) => {
  const braces = fc.tuple(tie("message"), fc.boolean()).map(([inner, angle]) => (angle ? `<${inner}>` : `{${inner}}`));
  const of = (name: string, value: fc.Arbitrary<string>, colon: fc.Arbitrary<string>): fc.Arbitrary<string> => {
    const list = fc
      .tuple(fc.array(value, { maxLength: 3 }), gap)
      .map(([values, space]) => `[${values.join(`${space},`)}]`);
    return fc
      .tuple(colon, gap, fc.oneof(value, list))
      .map(([mark, space, text]) => `${name}${space}${mark}${space}${text}`);
  };
  const always = fc.constant(":");
  return {
    field: fc.oneof(
      { depthSize: "small" },
      of("text", string, always),
      of("whole", whole, always),
      of("real", real, always),
      of("kind", kind, always),
      of("node", braces, fc.constantFrom("", ":")),
    ),
    message: fc
      .array(fc.tuple(tie("field"), separator), { maxLength: 5, depthIdentifier: "fields" })
      .map((fields) => fields.map(([field, end]) => field + end).join("")),
  };
});

test("another reader of the format makes the same of a text", () => {
  fc.assert(
    fc.property(message, (text) => {
      expect(byUs(parseTextFormat(text))).toEqual(byPeer(text));
    }),
    { numRuns: 500 },
  );
});

test("what another reader still reads of a text that was changed is read alike", () => {
  const changed = fc
    .tuple(message, fc.nat(), fc.constantFrom("", "}", "[", ":", "1", "'", "-", "a"))
    .map(([text, at, put]) => {
      const cut = text.length === 0 ? 0 : at % text.length;
      return text.slice(0, cut) + put + (put === "" ? "" : text.slice(cut + 1));
    });
  const outcome = (reader: () => Node): Node | null => {
    try {
      return reader();
    } catch {
      return null;
    }
  };
  fc.assert(
    fc.property(changed, (text) => {
      const ours = outcome(() => byUs(parseTextFormat(text)));
      // That one refuses more, because it knows the fields.
      expect(ours).toEqual(outcome(() => byPeer(text)) ?? ours);
    }),
    { numRuns: 1000 },
  );
});
