import { expect } from "vitest";

import { type JsonSchema, openInferenceApi } from "../src/protocol/openapi.ts";

/** Asks, and checks the answer against the OpenAPI document. */
export async function askChecked(
  handler: (request: Request) => Promise<Response>,
  path: string,
  template: string,
  init?: RequestInit,
): Promise<{ status: number; text: string; response: Response }> {
  const response = await handler(new Request(`http://localhost${path}`, init));
  const text = await response.clone().text();
  const operation = openInferenceApi.paths[template]?.[init?.method === "POST" ? "post" : "get"];
  const content = operation?.responses[String(response.status)]?.content;
  const type = response.headers.get("content-type") ?? "";
  expect(content, `${template} ${response.status} ${text}`).toBeDefined();
  expect(Object.keys(content ?? {})).toContain(type);
  if (type === "application/json") check(JSON.parse(text), content?.[type]?.schema ?? {}, template);
  return { status: response.status, text, response };
}

function check(value: unknown, schema: JsonSchema, at: string): void {
  const name = schema.$ref?.split("/").at(-1);
  if (name !== undefined) return check(value, openInferenceApi.components.schemas[name] ?? {}, at);
  if (schema.type === "integer") expect(Number.isInteger(value), at).toBe(true);
  else if (schema.type === "array") expect(Array.isArray(value), at).toBe(true);
  else expect(typeof value, at).toBe(schema.type);
  if (schema.enum !== undefined) expect(schema.enum, at).toContain(value);
  if (schema.minimum !== undefined) expect(value, at).toBeGreaterThanOrEqual(schema.minimum);
  const items = schema.items;
  if (items !== undefined)
    for (const [index, item] of (value as unknown[]).entries()) check(item, items, `${at}[${index}]`);
  if (schema.properties === undefined) return;
  const object = value as Record<string, unknown>;
  for (const key of schema.required ?? []) expect(object, at).toHaveProperty(key);
  for (const [key, inner] of Object.entries(object)) {
    const property = schema.properties[key];
    if (property === undefined) expect(schema.additionalProperties, `${at}.${key}`).not.toBe(false);
    else check(inner, property, `${at}.${key}`);
  }
}
