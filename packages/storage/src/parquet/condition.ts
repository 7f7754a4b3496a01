/** Parts of a condition, by the kind of their values. */
const parts: Readonly<Record<string, "value" | "values" | "flag" | "places">> = {
  eq: "value",
  in: "values",
  gt: "value",
  gte: "value",
  lt: "value",
  lte: "value",
  null: "flag",
  at: "places",
};

/** An object of its own entries and nothing else, from whatever realm. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/**
 * What is wrong with a condition, as something that a column cannot be compared with; undefined when nothing is. A part that is
 * not known, or has no value, would let rows match that nobody meant: a `delete` would take them.
 */
export function problemOfCondition(given: unknown): string | undefined {
  if (given === undefined) return "undefined";
  if (given === null) return "null (ask for nulls by { null: true })";
  if (typeof given !== "object") return undefined;
  if (!isPlainObject(given)) return `${shown(given)}, which is no plain object`;
  for (const [name, value] of Object.entries(given)) {
    const kind = Object.hasOwn(parts, name) ? parts[name] : undefined;
    if (kind === undefined) return `${JSON.stringify(name)}, which is none of ${Object.keys(parts).join(", ")}`;
    if (value === undefined || value === null) return `${name}: ${String(value)}`;
    if (kind === "values" && !Array.isArray(value)) return `in: ${shown(value)}, which is no array`;
    if (kind === "flag" && typeof value !== "boolean") return `null: ${shown(value)}, which is not true or false`;
    if (kind === "value" && typeof value === "object") return `${name}: ${shown(value)}`;
  }
  return undefined;
}

const shown = (value: unknown): string =>
  typeof value === "object" ? `a ${value?.constructor?.name ?? "value"}` : `${String(value)} (${typeof value})`;
