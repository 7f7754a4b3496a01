import { createWriteStream } from "node:fs";
import { lstat, mkdir, mkdtemp, readdir, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { toStream } from "@ashlar/core";
import { assertFileNames } from "./artifact/file-name.ts";
import { registryError } from "./errors.ts";
import type { LoadedModel } from "./load.ts";
import { signatureFileName } from "./signature/statement.ts";

/**
 * Writes the files of a model to a folder and, when it is signed, `model.sig`: what `model_signing verify key` of
 * OpenSSF model-signing takes. The folder appears whole, or not at all.
 *
 * @param folder not there yet, or empty
 * @throws FOLDER_NOT_EMPTY, FILE_NAME_INVALID, ARTIFACT_CORRUPT, ARTIFACT_MISSING
 */
export async function exportModel(model: LoadedModel, folder: string): Promise<void> {
  const signature = await model.signature();
  const files = model.version.files.map(({ name }) => name);
  // Registration refused unsafe names; a model may come from elsewhere, and this is where they would do harm.
  assertFileNames(signature === undefined ? files : [...files, signatureFileName]);
  const target = resolve(folder);
  await assertEmpty(target);
  await mkdir(dirname(target), { recursive: true });
  const temporary = await mkdtemp(`${target}.partial-`);
  // A folder of its own, with the permissions of any other: the temporary one is for its owner only.
  const staging = join(temporary, "model");
  try {
    await mkdir(staging);
    for (const name of files) await write(join(staging, ...name.split("/")), await model.file(name).stream());
    if (signature !== undefined) await write(join(staging, signatureFileName), toStream(signature));
    await publish(staging, target);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function assertEmpty(folder: string): Promise<void> {
  const found = await lstat(folder).catch(ignoring("ENOENT"));
  if (found === undefined) return;
  // A link is refused too: where it leads to may change before the files are there.
  if (!found.isDirectory()) throw registryError("FOLDER_NOT_EMPTY", { folder, found: "no folder" });
  const [first] = await readdir(folder);
  if (first !== undefined) throw registryError("FOLDER_NOT_EMPTY", { folder, found: first });
}

async function write(path: string, body: ReadableStream<Uint8Array>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await pipeline(body, createWriteStream(path, { flags: "wx", flush: true }));
}

async function publish(staging: string, target: string): Promise<void> {
  try {
    await rmdir(target).catch(ignoring("ENOENT"));
    await rename(staging, target);
  } catch (cause) {
    await assertEmpty(target);
    throw cause;
  }
}

function ignoring(code: string): (error: NodeJS.ErrnoException) => undefined {
  return (error) => {
    if (error.code !== code) throw error;
  };
}
