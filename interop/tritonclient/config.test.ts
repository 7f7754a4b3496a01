import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { readJsonModelConfig, readModelConfig } from "../../packages/compute/src/repository/model-config.ts";

const python = process.env["ASHLAR_PYTHON"] ?? fileURLToPath(new URL("../../.venv/bin/python", import.meta.url));

function missing(): boolean {
  try {
    execFileSync(python, ["-c", "import tritonclient.grpc, google.protobuf"], { stdio: "ignore" });
    return false;
  } catch {
    return true;
  }
}

const skip = missing() && process.env["CI"] === undefined;

type Plain = string | null | readonly Plain[] | { readonly [name: string]: Plain };

/** Maps as objects, and scalars as texts, which JSON makes of numbers of 64 bits. */
function plain(value: unknown): Plain {
  if (value === null) return null;
  if (value instanceof Map) return plain(Object.fromEntries(value));
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object") return String(value);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}

/** `null` where the other is: what is passed over. */
function without(value: Plain, other: Plain | undefined): Plain {
  if (value === null || typeof value === "string" || other === null) return other === null ? null : value;
  const of = (key: string | number): Plain | undefined =>
    typeof other === "object" ? (other as Readonly<Record<string, Plain>>)[key] : undefined;
  if (Array.isArray(value)) return value.map((item, index) => without(item, of(index)));
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, without(inner, of(name))]));
}

test.skipIf(skip)("every field of ModelConfig is read as Protocol Buffers write it", { timeout: 60_000 }, () => {
  const script = fileURLToPath(new URL("config.py", import.meta.url));
  const written = execFileSync(python, [script], { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  const configs = JSON.parse(written) as { readonly text: string; readonly fields: object }[];
  expect(configs).toHaveLength(15);
  for (const { text, fields } of configs) {
    const ours = plain(readModelConfig("m", new TextEncoder().encode(text)));
    expect(ours).toEqual(without(plain(fields), ours));
    expect(plain(readJsonModelConfig("m", fields))).toEqual(ours);
  }
});
