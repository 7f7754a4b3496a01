import { rmSync } from "node:fs";
import { lmdb } from "@ashlar/feature-store/lmdb";
import type { DataDirectory } from "../cli/data-directory.ts";

type OnlineStore = ReturnType<typeof lmdb>;

const name = "online.mdb";

/** Features by key. LMDB: its commits are on disk when they resolve, and no request waits for one. */
export function onlineStore(directory: DataDirectory): OnlineStore {
  return lmdb({ path: directory.file(name) });
}

/** Forgets all features of a store that is closed. */
export function removeOnlineStore(directory: DataDirectory): void {
  for (const suffix of ["", "-lock"]) rmSync(directory.file(`${name}${suffix}`), { force: true });
}
