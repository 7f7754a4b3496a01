import type { SchemaElement } from "hyparquet";
import { type ColumnType, unsupported } from "./column-type.ts";
import { type Leaf, leafOf } from "./file-leaf.ts";

/** One column of a Parquet file, or a part of one. */
export type FileNode = LeafNode | StructNode | ListNode | MapNode;

interface Node {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
}

export interface LeafNode extends Node, Leaf {
  readonly kind: "leaf";
}

export interface StructNode extends Node {
  readonly kind: "struct";
  readonly fields: readonly FileNode[];
}

export interface ListNode extends Node {
  readonly kind: "list";
  /** The repeated group inside; undefined where the field itself is repeated. */
  readonly repeated: string | undefined;
  /** Whether the element stands as the only field of the repeated group, rather than being it. */
  readonly wrapped: boolean;
  readonly element: FileNode;
}

export interface MapNode extends Node {
  readonly kind: "map";
  readonly repeated: string;
  readonly key: FileNode;
  readonly value: FileNode;
}

interface Tree {
  readonly element: SchemaElement;
  readonly children: readonly Tree[];
}

/** The columns of a file, from the elements of its footer. @throws TYPE_UNSUPPORTED, TypeError when they are no tree */
export function fileColumns(elements: readonly SchemaElement[]): FileNode[] {
  const at = { index: 0 };
  const root = treeOf(elements, at, 0);
  if (at.index !== elements.length) throw new TypeError("the schema has more elements than its tree");
  const names = new Set(root.children.map(({ element }) => element.name));
  if (names.size !== root.children.length) throw new TypeError("two columns have the same name");
  return root.children.map((child) => nodeOf(child, child.element.name));
}

const deepest = 64;

function treeOf(elements: readonly SchemaElement[], at: { index: number }, depth: number): Tree {
  const element = elements[at.index++];
  if (element === undefined || depth > deepest) throw new TypeError("the schema is no tree of its elements");
  if (depth > 0 && typeof element.name !== "string") throw new TypeError("an element of the schema has no name");
  const count = element.num_children ?? 0;
  if (count > elements.length) throw new TypeError("an element has more children than there are elements");
  if (element.type === undefined && count === 0 && depth > 0) throw new TypeError("a group has no fields");
  return { element, children: Array.from({ length: count }, () => treeOf(elements, at, depth + 1)) };
}

function nodeOf(tree: Tree, column: string): FileNode {
  const { element } = tree;
  if (element.repetition_type !== "REPEATED") return valueOf(tree, column);
  const inner = valueOf({ ...tree, element: { ...element, repetition_type: "REQUIRED" } }, column);
  return listOf({ name: element.name, nullable: false }, undefined, false, inner);
}

function valueOf(tree: Tree, column: string): FileNode {
  const { element, children } = tree;
  const named = { name: element.name, nullable: element.repetition_type === "OPTIONAL" };
  if (element.type !== undefined) return { kind: "leaf", ...named, ...leafOf(element, column) };
  const [first] = children;
  const repeated = first?.element.repetition_type === "REPEATED" && children.length === 1 ? first : undefined;
  const annotation = element.logical_type?.type ?? element.converted_type;
  if (annotation === "LIST" && repeated !== undefined) return annotatedList(named, repeated, column);
  if ((annotation === "MAP" || annotation === "MAP_KEY_VALUE") && repeated !== undefined) {
    return mapOf(named, repeated, column);
  }
  if (annotation !== undefined) {
    throw unsupported(column, annotation, "Write the file with another type, or read it with another tool.");
  }
  return structOf(named, children, column);
}

/** "Lists" of the Parquet format's logical types, with its rules for older writers. */
function annotatedList(named: Pick<Node, "name" | "nullable">, repeated: Tree, column: string): FileNode {
  const { element, children } = repeated;
  const [only] = children;
  const isElement =
    children.length !== 1 ||
    element.name === "array" ||
    element.name === `${named.name}_tuple` ||
    only?.element.repetition_type === "REPEATED";
  if (isElement || only === undefined) {
    const inner = valueOf({ children, element: { ...element, repetition_type: "REQUIRED" } }, column);
    return listOf(named, element.name, false, inner);
  }
  return listOf(named, element.name, true, valueOf(only, column));
}

function listOf(
  named: Pick<Node, "name" | "nullable">,
  repeated: string | undefined,
  wrapped: boolean,
  element: FileNode,
): ListNode {
  const type = { type: "array", elementType: element.type, containsNull: element.nullable } as const;
  return { kind: "list", ...named, type, repeated, wrapped, element };
}

/** "Maps" of the Parquet format's logical types. */
function mapOf(named: Pick<Node, "name" | "nullable">, repeated: Tree, column: string): MapNode {
  const [key, value] = repeated.children.map((child) => nodeOf(child, column));
  if (key === undefined || value === undefined || repeated.children.length !== 2) {
    throw unsupported(column, "a map without values", "Write it as a list of keys.");
  }
  const type = { type: "map", keyType: key.type, valueType: value.type, valueContainsNull: value.nullable } as const;
  return { kind: "map", ...named, type, repeated: repeated.element.name, key, value };
}

function structOf(named: Pick<Node, "name" | "nullable">, children: readonly Tree[], column: string): StructNode {
  const fields = children.map((child) => nodeOf(child, column));
  const folded = new Set(fields.map((field) => field.name.toLowerCase()));
  if (folded.size !== fields.length) {
    throw unsupported(column, "a struct of fields that differ by letter case only", "Rename its fields.");
  }
  const types = fields.map(({ name, type, nullable }) => ({ name, type, nullable, metadata: {} }));
  return { kind: "struct", ...named, type: { type: "struct", fields: types }, fields };
}

/** A column and all that stands inside it. */
export function* nodesWithin(node: FileNode): Generator<FileNode> {
  yield node;
  if (node.kind === "struct") for (const field of node.fields) yield* nodesWithin(field);
  else if (node.kind === "list") yield* nodesWithin(node.element);
  else if (node.kind === "map") {
    yield* nodesWithin(node.key);
    yield* nodesWithin(node.value);
  }
}
