import type { SqlExecutor } from "@ashlar/core";
import { featureStoreError } from "../errors.ts";
import type { TrainingManifest } from "../training/manifest.ts";
import type { DefinitionRecord } from "./version.ts";

/** `to` was made of `from`. Nodes are `kind:id`, as `source:flights`, `view:departures@<version>`, `model:delay/3`. */
export interface LineageEdge {
  readonly from: string;
  readonly to: string;
}

export interface LineageGraph {
  /** In the order they were reached, the node itself first. */
  readonly nodes: readonly string[];
  /** In their own direction, whichever way was walked. */
  readonly edges: readonly LineageEdge[];
  /** True when there may be more than a thousand nodes. */
  readonly truncated: boolean;
}

const form = /^[A-Za-z][A-Za-z0-9_.-]{0,63}:[^\p{Cc}]{1,1024}$/u;
const mostNodes = 1000;

export const definitionNode = ({ kind, name, version }: Pick<DefinitionRecord, "kind" | "name" | "version">): string =>
  `${kind}:${name}@${version}`;

/** From the source to the view, or from the pinned views to the service. */
export function definitionEdges(record: DefinitionRecord): LineageEdge[] {
  const to = definitionNode(record);
  const source = record.source === null ? [] : [{ from: `source:${record.source}`, to }];
  const pins = Object.entries(record.pins).map(([name, version]) => ({
    from: definitionNode({ kind: "view", name, version }),
    to,
  }));
  return [...source, ...pins];
}

/** From the service a training set was made by, or from its views, to the training set. */
export function manifestEdges({ digest, service, views }: TrainingManifest): LineageEdge[] {
  const to = `trainingSet:${digest}`;
  if (service !== null) return [{ from: definitionNode({ kind: "service", ...service }), to }];
  return Object.entries(views).map(([name, version]) => ({
    from: definitionNode({ kind: "view", name, version }),
    to,
  }));
}

/** @throws REQUEST_INVALID */
export function assertEdges(edges: readonly LineageEdge[]): void {
  for (const { from, to } of edges) {
    for (const node of [from, to]) assertNode(node);
    if (from === to) throw featureStoreError("REQUEST_INVALID", { rule: `"${from}" cannot be made of itself` });
  }
}

function assertNode(node: unknown): asserts node is string {
  if (typeof node === "string" && form.test(node)) return;
  const rule = `a lineage node is "kind:id", which ${JSON.stringify(node)} is not`;
  throw featureStoreError("REQUEST_INVALID", { rule });
}

export async function addEdges(tx: SqlExecutor, edges: readonly LineageEdge[], at: number): Promise<void> {
  for (const { from, to } of edges) {
    await tx.run("INSERT INTO feature_edge (from_node, to_node, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", [
      from,
      to,
      at,
    ]);
  }
}

/** Walks the graph, each node once, up to a thousand. @throws REQUEST_INVALID */
export async function walk(
  database: SqlExecutor,
  node: string,
  direction: "upstream" | "downstream",
): Promise<LineageGraph> {
  assertNode(node);
  const [here, there] = direction === "upstream" ? ["to_node", "from_node"] : ["from_node", "to_node"];
  const nodes = new Set([node]);
  const edges: LineageEdge[] = [];
  for (const each of nodes) {
    const rows = await database.query<{ from_node: string; to_node: string }>(
      `SELECT from_node, to_node FROM feature_edge WHERE ${here} = ? ORDER BY ${there} LIMIT ?`,
      [each, mostNodes],
    );
    for (const row of rows) {
      const next = direction === "upstream" ? row.from_node : row.to_node;
      if (nodes.size >= mostNodes && !nodes.has(next)) return { nodes: [...nodes], edges, truncated: true };
      // A set grown while it is walked is walked on.
      nodes.add(next);
      edges.push({ from: row.from_node, to: row.to_node });
    }
  }
  return { nodes: [...nodes], edges, truncated: false };
}
