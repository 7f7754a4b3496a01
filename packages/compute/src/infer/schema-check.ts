/** The part of JSON Schema that the settings use. */
export interface SettingsSchema {
  readonly $schema?: string;
  readonly $id?: string;
  readonly title?: string;
  readonly description?: string;
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean" | "null";
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minItems?: number;
  readonly items?: SettingsSchema;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SettingsSchema>>;
  readonly additionalProperties?: boolean | SettingsSchema;
  readonly anyOf?: readonly SettingsSchema[];
}

export interface Violation {
  /** `batching.maxBatchRows`; empty for the whole. */
  readonly path: string;
  readonly value: unknown;
  /** What it must be, to follow "it must be". */
  readonly rule: string;
}

/** The first place where a value does not fit the schema, or `null`. Properties that are undefined count as absent. */
export function firstViolation(value: unknown, schema: SettingsSchema, path = ""): Violation | null {
  const wrong = (rule: string): Violation => ({ path, value, rule });
  if (schema.anyOf !== undefined) {
    if (schema.anyOf.some((option) => firstViolation(value, option, path) === null)) return null;
    return wrong(schema.description ?? schema.anyOf.map((option) => option.type).join(" or "));
  }
  if (schema.enum !== undefined) {
    return schema.enum.includes(value as string) ? null : wrong(`one of ${schema.enum.join(", ")}`);
  }
  switch (schema.type) {
    case "integer":
    case "number":
      return checkNumber(value, schema) ? null : wrong(numberRule(schema));
    case "string": {
      const fits = typeof value === "string" && new RegExp(schema.pattern ?? "").test(value);
      return fits ? null : wrong(schema.description ?? "a string");
    }
    case "boolean":
      return typeof value === "boolean" ? null : wrong("true or false");
    case "null":
      return value === null ? null : wrong("null");
    case "array": {
      if (!Array.isArray(value)) return wrong("a list");
      if (value.length < (schema.minItems ?? 0)) return wrong(`a list of ${schema.minItems} or more`);
      const inner = value.map((item, index) => firstViolation(item, schema.items ?? {}, `${path}[${index}]`));
      return inner.find((violation) => violation !== null) ?? null;
    }
    case "object":
      return objectViolation(value, schema, path);
    default:
      return null;
  }
}

function objectViolation(value: unknown, schema: SettingsSchema, path: string): Violation | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return { path, value, rule: "an object" };
  const { properties = {}, additionalProperties = true, required = [] } = schema;
  const at = (key: string): string => (path === "" ? key : `${path}.${key}`);
  for (const [key, inner] of Object.entries(value)) {
    if (inner === undefined) continue;
    const known = Object.hasOwn(properties, key) ? properties[key] : additionalProperties;
    if (known === false)
      return { path: at(key), value: inner, rule: `absent; there are ${Object.keys(properties).join(", ")}` };
    const violation = typeof known === "object" ? firstViolation(inner, known, at(key)) : null;
    if (violation !== null) return violation;
  }
  const missing = required.find((key) => (value as Readonly<Record<string, unknown>>)[key] === undefined);
  return missing === undefined ? null : { path: at(missing), value: undefined, rule: "given" };
}

function checkNumber(value: unknown, schema: SettingsSchema): boolean {
  if (typeof value !== "number" || !Number.isFinite(value)) return false;
  if (schema.type === "integer" && !Number.isSafeInteger(value)) return false;
  if (schema.exclusiveMinimum !== undefined && value <= schema.exclusiveMinimum) return false;
  return value >= (schema.minimum ?? -Infinity) && value <= (schema.maximum ?? Infinity);
}

function numberRule({ type, minimum, maximum, exclusiveMinimum }: SettingsSchema): string {
  const kind = type === "integer" ? "a whole number" : "a number";
  if (exclusiveMinimum !== undefined) return `${kind} above ${exclusiveMinimum}`;
  if (maximum === undefined) return minimum === undefined ? kind : `${kind} of ${minimum} or more`;
  return `${kind} from ${minimum ?? "-Infinity"} to ${maximum}`;
}
