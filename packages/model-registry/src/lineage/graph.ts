import type { SqlExecutor } from "@ashlar/core";
import { invalid } from "../name.ts";
import { assertRelation, type LineageEdge, type LineageNode, nodeText } from "./node.ts";

const maxDepth = 64;
const maxNodes = 10_000;
const maxEdges = 50_000;
const frontierChunk = 100;

export interface LineageOptions {
  /** `upstream`: what it was made of; `downstream`: what was made of it. @default "upstream" */
  readonly direction?: "upstream" | "downstream";
  /** Steps from the node, 1 to 64. @default 10 */
  readonly depth?: number;
  /** Nodes at most, 1 to 10,000. @default 1000 */
  readonly limit?: number;
}

/** What can be reached from a node. */
export interface LineageGraph {
  /** `kind:id`, in the order they were reached, the node itself first; `depth` is the shortest way to it. */
  readonly nodes: readonly { readonly node: string; readonly depth: number }[];
  /** Those between the nodes, in their own direction whichever way was walked. */
  readonly edges: readonly LineageEdge[];
  /** True when a bound stopped the walk, so that there may be more. */
  readonly truncated: boolean;
}

interface EdgeRow {
  readonly from_node: string;
  readonly to_node: string;
  readonly relation: string;
}

/** Adds edges; those that exist are left. @throws REQUEST_INVALID */
export async function addEdges(tx: SqlExecutor, edges: readonly LineageEdge[], at: number): Promise<void> {
  for (const { from, to, relation } of edges) {
    await tx.run(
      "INSERT INTO registry_edge (from_node, to_node, relation, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
      [from, to, relation, at],
    );
  }
}

/** @throws REQUEST_INVALID */
export function checkEdges(
  edges: readonly {
    readonly from: string | LineageNode;
    readonly to: string | LineageNode;
    readonly relation: string;
  }[],
): LineageEdge[] {
  return edges.map(({ from, to, relation }) => {
    assertRelation(relation);
    const edge = { from: nodeText(from), to: nodeText(to), relation };
    if (edge.from === edge.to) throw invalid("lineage edge", edge.from, "a thing is not made of itself");
    return edge;
  });
}

/** Walks the graph breadth first, each node once, within bounds. @throws REQUEST_INVALID */
export async function walk(
  database: SqlExecutor,
  start: string | LineageNode,
  options: LineageOptions = {},
): Promise<LineageGraph> {
  const { direction = "upstream", depth = 10, limit = 1000 } = options;
  if (direction !== "upstream" && direction !== "downstream") {
    throw invalid("lineage direction", direction, 'it must be "upstream" or "downstream"');
  }
  checkBound("lineage depth", depth, maxDepth);
  checkBound("lineage limit", limit, maxNodes);

  const root = nodeText(start);
  const reached = new Map([[root, 0]]);
  const edges = new Map<string, LineageEdge>();
  let truncated = false;
  let frontier = [root];
  for (let level = 1; level <= depth && frontier.length > 0; level++) {
    const next: string[] = [];
    const rows = await edgesAt(database, frontier, direction);
    truncated ||= rows.length === maxEdges;
    for (const row of rows) {
      const node = direction === "upstream" ? row.from_node : row.to_node;
      if (!reached.has(node)) {
        if (reached.size === limit) {
          truncated = true;
          continue;
        }
        reached.set(node, level);
        next.push(node);
      }
      if (edges.size === maxEdges) {
        truncated = true;
        break;
      }
      const edge = { from: row.from_node, to: row.to_node, relation: row.relation };
      edges.set(JSON.stringify(edge), edge);
    }
    frontier = next;
  }
  truncated ||= (await edgesAt(database, frontier, direction)).length > 0;
  const nodes = [...reached].map(([node, depth]) => ({ node, depth }));
  return { nodes, edges: [...edges.values()], truncated };
}

async function edgesAt(
  database: SqlExecutor,
  frontier: readonly string[],
  direction: "upstream" | "downstream",
): Promise<EdgeRow[]> {
  const column = direction === "upstream" ? "to_node" : "from_node";
  const rows: EdgeRow[] = [];
  for (let start = 0; start < frontier.length && rows.length < maxEdges; start += frontierChunk) {
    const chunk = frontier.slice(start, start + frontierChunk);
    const marks = chunk.map(() => "?").join(", ");
    const sql = `SELECT from_node, to_node, relation FROM registry_edge WHERE ${column} IN (${marks})
      ORDER BY ${column}, from_node, to_node, relation LIMIT ?`;
    rows.push(...(await database.query<EdgeRow>(sql, [...chunk, maxEdges - rows.length])));
  }
  return rows;
}

function checkBound(field: string, value: number, largest: number): void {
  if (!Number.isInteger(value) || value < 1 || value > largest) {
    throw invalid(field, value, `it must be a whole number from 1 to ${largest}`);
  }
}
