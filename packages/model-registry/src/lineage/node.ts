import { invalid } from "../name.ts";

const kindForm = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;
const maxId = 1024;

/** A thing that lineage knows: a training set, a table, a run, a model version. As text: `kind:id`. */
export interface LineageNode {
  readonly kind: string;
  readonly id: string;
}

/** `to` was made of `from`. */
export interface LineageEdge {
  /** `kind:id` */
  readonly from: string;
  /** `kind:id` */
  readonly to: string;
  /** What `from` was to it, e.g. `trainingSet`. */
  readonly relation: string;
}

/** What a version was made of. A text under the key `trainingSet` is the node `trainingSet:<text>`. */
export type LineageInput = string | LineageNode | readonly (string | LineageNode)[];

/** The node of a model version: `model:delay/3`. */
export function versionNode(name: string, number: number): string {
  return `model:${name}/${number}`;
}

/** @throws REQUEST_INVALID */
export function nodeText(node: string | LineageNode): string {
  const separator = typeof node === "string" ? node.indexOf(":") : 0;
  const { kind, id } =
    typeof node === "string" ? { kind: node.slice(0, Math.max(separator, 0)), id: node.slice(separator + 1) } : node;
  if (!kindForm.test(kind)) {
    throw invalid(
      "lineage node",
      `${kind}:${id}`,
      "its kind, before the colon, must be 1 to 64 letters, digits, dots, dashes or underscores",
    );
  }
  if (typeof id !== "string" || id === "" || id.length > maxId || !id.isWellFormed() || /\p{Cc}/u.test(id)) {
    throw invalid(
      "lineage node",
      `${kind}:${id}`,
      `its id must have 1 to ${maxId} characters without control characters`,
    );
  }
  return `${kind}:${id}`;
}

/** @throws REQUEST_INVALID */
export function assertRelation(relation: string): void {
  if (typeof relation !== "string" || !kindForm.test(relation)) {
    throw invalid("lineage relation", relation, "it must be 1 to 64 letters, digits, dots, dashes or underscores");
  }
}

/** Inputs as they are kept: for each key, sorted, its nodes as text. @throws REQUEST_INVALID */
export function checkInputs(
  given: Readonly<Record<string, LineageInput | undefined>> = {},
): Record<string, readonly string[]> {
  const inputs: Record<string, readonly string[]> = {};
  for (const [key, input] of Object.entries(given).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (input === undefined) continue;
    assertRelation(key);
    const list: readonly (string | LineageNode)[] = isList(input) ? input : [input];
    const nodes = list.map((item) => nodeText(typeof item === "string" ? { kind: key, id: item } : item));
    inputs[key] = [...new Set(nodes)].sort();
  }
  return inputs;
}

function isList(input: LineageInput): input is readonly (string | LineageNode)[] {
  return Array.isArray(input);
}
