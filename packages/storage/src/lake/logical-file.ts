import { storageError } from "../errors.ts";
import type { DeletionVectorDescriptor } from "./actions.ts";

/** What makes a logical file: a path, and the deletion vector it is read with. */
interface LogicalFile {
  readonly path: string;
  readonly deletionVector?: DeletionVectorDescriptor;
}

/**
 * The key by which add and remove actions meet: "Action Reconciliation" of the protocol. Writers differ in which
 * characters of a path they encode, so that paths are compared decoded.
 */
export function logicalKey({ path, deletionVector: vector }: LogicalFile): string {
  const plain = decodedPath(path);
  if (vector === undefined) return plain;
  const at = vector.offset === undefined ? "" : `@${vector.offset}`;
  return `${plain}\u0000${vector.storageType}${vector.pathOrInlineDv}${at}`;
}

/** The key in the object store of a path of the log. @throws FILE_OUTSIDE when it leaves the table's folder */
export function keyInTable(table: string, path: string): string {
  const plain = decodedPath(path);
  const inside = !/^[a-z][\w+.-]*:/i.test(plain) && plain.split("/").every((part) => !["", ".", ".."].includes(part));
  if (!inside) throw storageError("FILE_OUTSIDE", { table, path });
  return `${table}/${plain}`;
}

/** A path of the log as it names the file; one that is no URI stands as it is. */
export function decodedPath(path: string): string {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
