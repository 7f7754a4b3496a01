import { orchestrationError } from "../errors.ts";

/** What a field of a workflow's input holds. A `date` is `YYYY-MM-DD`; `json` is any plain data. */
export type InputType = "string" | "number" | "boolean" | "date" | "json";

export type InputSpec = Readonly<Record<string, InputType>>;

interface TypeOf {
  string: string;
  number: number;
  boolean: boolean;
  date: string;
  json: unknown;
}

/** The TypeScript type of an input that was declared as `Spec`. */
export type InputOf<Spec extends InputSpec> = { readonly [Field in keyof Spec]: TypeOf[Spec[Field]] };

const checks: Readonly<Record<InputType, { readonly expected: string; readonly holds: (value: unknown) => boolean }>> =
  {
    string: { expected: "a string", holds: (value) => typeof value === "string" },
    number: { expected: "a finite number", holds: (value) => Number.isFinite(value) },
    boolean: { expected: "true or false", holds: (value) => typeof value === "boolean" },
    date: { expected: "a date as YYYY-MM-DD", holds: isDate },
    json: { expected: "present", holds: (value) => value !== undefined },
  };

/** @throws INPUT_INVALID for the first field that is missing, surplus or of another type */
export function checkInput(workflow: string, spec: InputSpec, input: Readonly<Record<string, unknown>>): void {
  for (const [field, type] of Object.entries(spec)) {
    const { expected, holds } = checks[type];
    const value = Object.hasOwn(input, field) ? input[field] : undefined;
    if (!holds(value))
      throw orchestrationError("INPUT_INVALID", { workflow, field, expected, actual: describe(value) });
  }
  for (const field of Object.keys(input)) {
    if (Object.hasOwn(spec, field)) continue;
    throw orchestrationError("INPUT_INVALID", { workflow, field, expected: "left out", actual: "given" });
  }
}

function isDate(value: unknown): boolean {
  if (typeof value !== "string" || !/^\d{4}-\d{2}-\d{2}$/.test(value)) return false;
  const parsed = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(value);
}

function describe(value: unknown): string {
  return value === undefined ? "missing" : (JSON.stringify(value) ?? typeof value);
}
