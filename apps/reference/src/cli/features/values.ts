import { referenceError } from "../../errors.ts";

/** A moment with a zone, `2001-06-01T00:00:00Z`, as epoch milliseconds. @throws OPTION_INVALID */
export function moment(option: string): (text: string) => number {
  return (text) => {
    const zoned = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/.test(text);
    const value = zoned && isDay(text.slice(0, 10)) ? Date.parse(text) : Number.NaN;
    if (!Number.isNaN(value)) return value;
    throw referenceError("OPTION_INVALID", {
      option,
      value: text,
      rule: "it must be a moment with its zone, such as 2001-06-01T00:00:00Z",
    });
  };
}

/** `Date` takes the 30th of February for the 2nd of March. */
function isDay(text: string): boolean {
  const day = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}

/** Gathers `name=value` as often as it is given. @throws OPTION_INVALID */
export function pairs(
  option: string,
): (text: string, before: Readonly<Record<string, string>>) => Record<string, string> {
  return (text, before) => {
    const at = text.indexOf("=");
    if (at > 0) return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
    throw referenceError("OPTION_INVALID", { option, value: text, rule: "it must be name=value" });
  };
}

/** A key or input as its type has it. @throws OPTION_INVALID */
export function typed(name: string, type: string, text: string): string | number | bigint | boolean | null {
  const invalid = (): Error =>
    referenceError("OPTION_INVALID", { option: "--key", value: `${name}=${text}`, rule: `it must be of type ${type}` });
  switch (type) {
    case "string":
      return text;
    case "boolean":
      if (text !== "true" && text !== "false") throw invalid();
      return text === "true";
    case "int64":
      if (!/^-?\d{1,19}$/.test(text)) throw invalid();
      return BigInt(text);
    case "timestamp":
      return BigInt(moment("--key")(text)) * 1000n;
    default:
      if (text.trim() === "" || !Number.isFinite(Number(text))) throw invalid();
      return Number(text);
  }
}
