import { invalid } from "../name.ts";
import { beats, hasOnnx, metricAtLeast, metricAtMost, parityBelow } from "./built-in.ts";
import type { Gate } from "./gate.ts";
import { signed } from "./signed.ts";

/** A built-in gate as JSON, for the wire. */
export type GateSpec =
  | {
      readonly gate: "beats";
      readonly alias: string;
      readonly metric: string;
      readonly by?: number;
      readonly higherIsBetter?: boolean;
      readonly whenAbsent?: "pass" | "fail";
    }
  | { readonly gate: "metricAtLeast" | "metricAtMost"; readonly metric: string; readonly bound: number }
  | { readonly gate: "parityBelow"; readonly bound: number }
  | { readonly gate: "hasOnnx" | "signed" };

const fields = {
  beats: ["alias", "metric", "by", "higherIsBetter", "whenAbsent"],
  metricAtLeast: ["metric", "bound"],
  metricAtMost: ["metric", "bound"],
  parityBelow: ["bound"],
  hasOnnx: [],
  signed: [],
} as const;

/** Makes a gate of its JSON form. A field that is unknown is refused: it may be a bound misspelt. @throws REQUEST_INVALID */
export function gateOf(spec: unknown): Gate {
  const given = (typeof spec === "object" && spec !== null ? spec : {}) as Readonly<Record<string, unknown>>;
  const kind = given["gate"];
  if (typeof kind !== "string" || !isKind(kind)) {
    throw invalid("gate", JSON.stringify(spec), `it must be one of ${Object.keys(fields).join(", ")}`);
  }
  for (const key of Object.keys(given)) {
    if (key !== "gate" && !(fields[kind] as readonly string[]).includes(key)) {
      throw invalid(`field of ${kind}`, key, `it knows ${fields[kind].join(", ") || "none"}`);
    }
  }
  switch (kind) {
    case "beats":
      return beats(text(given, "alias"), text(given, "metric"), {
        ...(given["by"] === undefined ? {} : { by: number(given, "by") }),
        ...(given["higherIsBetter"] === undefined ? {} : { higherIsBetter: flag(given, "higherIsBetter") }),
        ...(given["whenAbsent"] === undefined ? {} : { whenAbsent: absence(given) }),
      });
    case "metricAtLeast":
      return metricAtLeast(text(given, "metric"), number(given, "bound"));
    case "metricAtMost":
      return metricAtMost(text(given, "metric"), number(given, "bound"));
    case "parityBelow":
      return parityBelow(number(given, "bound"));
    case "hasOnnx":
      return hasOnnx();
    case "signed":
      return signed();
  }
}

function isKind(kind: string): kind is keyof typeof fields {
  return Object.hasOwn(fields, kind);
}

type Given = Readonly<Record<string, unknown>>;

function text(given: Given, field: string): string {
  const value = given[field];
  if (typeof value !== "string" || value === "") throw invalid(`${field} of a gate`, value, "it must be a text");
  return value;
}

function number(given: Given, field: string): number {
  const value = given[field];
  if (typeof value !== "number") throw invalid(`${field} of a gate`, value, "it must be a number");
  return value;
}

function flag(given: Given, field: string): boolean {
  const value = given[field];
  if (typeof value !== "boolean") throw invalid(`${field} of a gate`, value, "it must be true or false");
  return value;
}

function absence(given: Given): "pass" | "fail" {
  const value = given["whenAbsent"];
  if (value !== "pass" && value !== "fail") throw invalid("whenAbsent of a gate", value, 'it must be "pass" or "fail"');
  return value;
}
