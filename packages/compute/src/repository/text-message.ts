import { parseTextFormat, type TextField, TextFormatError, type TextValue } from "./text-format.ts";

/** Reads the values that a field of one type was given. `fail` throws what names the field and its place. */
export interface FieldType<Value> {
  readonly repeated: boolean;
  read(values: readonly TextValue[], fail: Fail): Value;
  /** The values that the text format would have for one of JSON, after the JSON mapping of Protocol Buffers. */
  ofJson(value: unknown): readonly TextValue[];
}

/** Throws; the path within the field comes first where there is one. */
type Fail = (rule: string, at: TextValue | TextField, path?: string) => never;
type Fields = Readonly<Record<string, FieldType<unknown>>>;

/** Of a message each field may be absent. */
export type MessageOf<Type extends Fields> = {
  readonly [Name in keyof Type]?: Type[Name] extends FieldType<infer Value> ? Value : never;
};

/**
 * Reads a message of the text format by the fields that its type has.
 *
 * @throws TextFormatError for what is no text format, fields that the type does not have, and values of another type
 */
export function readTextMessage<Type extends Fields>(text: string, fields: Type): MessageOf<Type> {
  const fail: Fail = (rule, { offset }, path = "") => {
    throw new TextFormatError(text, offset, `${path} must be ${rule}`);
  };
  return readFields(parseTextFormat(text), fields, fail);
}

/** Reads a message from its JSON form, with the names of fields as they are declared. @throws `invalid(reason)` */
export function readJsonMessage<Type extends Fields>(
  value: object,
  fields: Type,
  invalid: (reason: string) => Error,
): MessageOf<Type> {
  const fail: Fail = (rule, _, path = "") => {
    throw invalid(`${path} must be ${rule}`);
  };
  return readFields(fieldsOfJson(value, fields), fields, fail);
}

function fieldsOfJson(message: object, fields: Fields): TextField[] {
  return Object.entries(message).flatMap(([name, value]: [string, unknown]) => {
    if (value === null) return [];
    const values = Object.hasOwn(fields, name) ? (fields[name]?.ofJson(value) ?? []) : [];
    return [{ name, offset: 0, list: Array.isArray(value), values }];
  });
}

/** What has no other form in the text format than its own. */
function plainJson(value: unknown): TextValue {
  if (typeof value === "string") return { kind: "string", value, offset: 0 };
  if (typeof value === "bigint") return { kind: "integer", value, offset: 0 };
  if (typeof value === "number" && Number.isSafeInteger(value)) return plainJson(BigInt(value));
  if (typeof value === "number") return { kind: "float", value, offset: 0 };
  if (typeof value === "boolean") return { kind: "name", value: String(value), offset: 0 };
  return { kind: "message", fields: [], offset: 0 };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readFields<Type extends Fields>(given: readonly TextField[], fields: Type, fail: Fail): MessageOf<Type> {
  const values = new Map<string, TextValue[]>();
  for (const field of given) {
    const type = Object.hasOwn(fields, field.name) ? fields[field.name] : undefined;
    if (type === undefined) return fail(`absent: there are ${Object.keys(fields).join(", ")}`, field, field.name);
    const before = values.get(field.name);
    if (!type.repeated && field.list) return fail("one value, not a list", field, field.name);
    if (!type.repeated && before !== undefined) return fail("given once", field, field.name);
    const list = before ?? [];
    for (const value of field.values) list.push(value);
    values.set(field.name, list);
  }
  const read = [...values].map(([name, list]) => {
    const within: Fail = (rule, at, path = "") => fail(rule, at, path.startsWith("[") ? name + path : join(name, path));
    return [name, (fields[name] as FieldType<unknown>).read(list, within)] as const;
  });
  return Object.fromEntries(read) as MessageOf<Type>;
}

const join = (name: string, path: string): string => (path === "" ? name : `${name}.${path}`);

function scalar<Value>(
  rule: string,
  convert: (value: TextValue) => Value | undefined,
  ofJson: (value: unknown) => TextValue = plainJson,
): FieldType<Value> {
  return {
    repeated: false,
    ofJson: (value) => [ofJson(value)],
    read(values, fail) {
      const value = values[0] as TextValue;
      return convert(value) ?? fail(rule, value);
    },
  };
}

export const text: FieldType<string> = scalar("a string in quotes", (value) =>
  value.kind === "string" ? value.value : undefined,
);

const booleans: Readonly<Record<string, boolean>> = {
  true: true,
  True: true,
  t: true,
  false: false,
  False: false,
  f: false,
};

export const bool: FieldType<boolean> = scalar("true or false", (value) => {
  if (value.kind === "integer") return value.value === 0n ? false : value.value === 1n ? true : undefined;
  return value.kind === "name" && Object.hasOwn(booleans, value.value) ? booleans[value.value] : undefined;
});

/** Whole numbers of at most 53 bits, whatever the width of the field. */
export function integer(least: number, most: number = Number.MAX_SAFE_INTEGER): FieldType<number> {
  const convert = (value: TextValue): number | undefined => {
    const fits = value.kind === "integer" && value.value >= BigInt(least) && value.value <= BigInt(most);
    return fits ? Number(value.value) : undefined;
  };
  // In JSON those of 64 bits are strings.
  return scalar(`a whole number from ${least} to ${most}`, convert, (value) =>
    plainJson(typeof value === "string" && /^-?\d{1,20}$/.test(value) ? BigInt(value) : value),
  );
}

/** An enum, whose numbers follow each other from 0. */
export function enumeration<const Name extends string>(...names: readonly Name[]): FieldType<Name> {
  const convert = (value: TextValue): Name | undefined => {
    if (value.kind === "integer") return names[Number(value.value)];
    return value.kind === "name" ? names.find((name) => name === value.value) : undefined;
  };
  return scalar(`one of ${names.join(", ")}`, convert, (value) =>
    typeof value === "string" ? { kind: "name", value, offset: 0 } : plainJson(value),
  );
}

export function message<Type extends Fields>(fields: Type): FieldType<MessageOf<Type>> {
  return {
    repeated: false,
    ofJson: (value) => [
      isObject(value) ? { kind: "message", fields: fieldsOfJson(value, fields), offset: 0 } : plainJson(value),
    ],
    read(values, fail) {
      const value = values[0] as TextValue;
      return value.kind === "message" ? readFields(value.fields, fields, fail) : fail("a message in braces", value);
    },
  };
}

export function repeated<Value>(of: FieldType<Value>): FieldType<readonly Value[]> {
  return {
    repeated: true,
    ofJson: (value) => (Array.isArray(value) ? value.flatMap((item) => of.ofJson(item)) : of.ofJson(value)),
    read: (values, fail) =>
      values.map((value, index) => of.read([value], (rule, at, path = "") => fail(rule, at, join(`[${index}]`, path)))),
  };
}

/** `map<Key, Value>`: messages with the fields `key` and `value`. A key that comes again replaces what was there. */
export function map<Key, Value>(
  key: FieldType<Key>,
  value: FieldType<Value>,
  defaults: { readonly key: Key; readonly value: Value },
): FieldType<ReadonlyMap<Key, Value>> {
  const entries = repeated(message({ key, value }));
  return {
    repeated: true,
    ofJson: (given) =>
      isObject(given)
        ? Object.entries(given).flatMap(([name, inner]) => message({ key, value }).ofJson({ key: name, value: inner }))
        : [plainJson(given)],
    read: (values, fail) =>
      new Map(entries.read(values, fail).map((entry) => [entry.key ?? defaults.key, entry.value ?? defaults.value])),
  };
}

/** What has no meaning here, whatever its type. */
export const passedOver: FieldType<null> = { repeated: true, ofJson: (value) => [plainJson(value)], read: () => null };
