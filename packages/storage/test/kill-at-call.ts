import fs from "node:fs";
import promises, { type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { devNull } from "node:os";

/** Ends this process with SIGKILL in place of its call number `fatal` of the file system. Counts none before `arm`. */
export async function killAtCall(fatal: number): Promise<{ arm(): void; calls(): number }> {
  let armed = false;
  let calls = 0;
  const die = (): never => {
    process.kill(process.pid, "SIGKILL");
    for (;;);
  };
  const counted = (target: object, name: string, beforeDeath?: (parameters: unknown[]) => void): void => {
    const original = Reflect.get(target, name) as (...parameters: unknown[]) => unknown;
    Reflect.set(target, name, function (this: unknown, ...parameters: unknown[]): unknown {
      if (armed && ++calls === fatal) {
        beforeDeath?.call(this, parameters);
        die();
      }
      return original.apply(this, parameters);
    });
  };
  const handle = await promises.open(devNull);
  const prototype = Object.getPrototypeOf(handle) as object;
  await handle.close();
  const synchronous = [
    "linkSync",
    "renameSync",
    "mkdirSync",
    "unlinkSync",
    "rmdirSync",
    "openSync",
    "fsyncSync",
    "closeSync",
  ];
  for (const name of synchronous) counted(fs, name);
  for (const name of ["open", "rm", "mkdir", "readdir", "stat"]) counted(promises, name);
  for (const name of ["utimes", "sync", "datasync", "close"]) counted(prototype, name);
  // A write is broken off in the middle.
  for (const name of ["write", "writeFile"]) {
    counted(prototype, name, function (this: unknown, [chunk]): void {
      const { fd } = this as FileHandle;
      const bytes = chunk as Uint8Array;
      fs.writeSync(fd, bytes.subarray(0, bytes.byteLength >> 1));
    });
  }
  syncBuiltinESMExports();
  return { arm: () => void (armed = true), calls: () => calls };
}
