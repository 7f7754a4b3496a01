import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { appendFile, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { createArtifactStore } from "@ashlar/storage/artifact";
import { fileSystem } from "@ashlar/storage/file-system";
import { perSecond, type Suite } from "./harness.ts";

const run = promisify(execFile);
const manyFiles = 10_000;
const largeMebibytes = 2048;

/** An artifact store, which has what it acknowledged after a power cut, against the tools of the shell. */
export const artifacts: Suite = async ({ folder, pair }) => {
  const many = join(folder, "many");
  await mkdir(many);
  for (let n = 0; n < manyFiles; n++) await writeFile(join(many, `${n}.bin`), randomBytes(4096));
  const large = join(folder, "large.bin");
  const block = randomBytes(64 * 1024 * 1024);
  for (let n = 0; n < largeMebibytes; n += 64) await appendFile(large, block);

  let turn = 0;
  /** Does work with a folder of its own, which goes when the clock has stopped. */
  const within = async (units: number, work: (target: string) => Promise<void>): Promise<number> => {
    const target = join(folder, `target-${turn++}`);
    await mkdir(target);
    const figure = await perSecond(units, () => work(target));
    await rm(target, { recursive: true });
    return figure;
  };
  function* bodies(): Generator<Uint8Array> {
    for (const name of readdirSync(many)) yield readFileSync(join(many, name));
  }
  const putMany = async (target: string): Promise<void> => {
    await using objects = fileSystem({ root: target });
    await createArtifactStore({ objects }).putBlobs(bodies());
  };
  const digests = `find ${many} -type f -print0 | xargs -0 sha256sum > /dev/null`;
  await pair({
    name: "store 10,000 files of 4 KiB by digest",
    unit: "files/s",
    peerName: "cp -r, and sha256sum: nothing synced",
    rounds: 3,
    ours: () => within(manyFiles, putMany),
    peer: () => within(manyFiles, (target) => shell(`cp -r ${many} ${target} && ${digests}`)),
  });
  await pair({
    name: "store 10,000 files of 4 KiB by digest",
    unit: "files/s",
    peerName: "cp -r, sync of each file, and sha256sum",
    rounds: 3,
    ours: () => within(manyFiles, putMany),
    peer: () =>
      within(manyFiles, (target) =>
        shell(`cp -r ${many} ${target} && find ${target} -print0 | xargs -0 sync && ${digests}`),
      ),
  });
  await pair({
    name: "store one file of 2 GiB by digest",
    unit: "MiB/s",
    peerName: "cp, sync, and sha256sum",
    rounds: 1,
    ours: () =>
      within(largeMebibytes, async (target) => {
        await using objects = fileSystem({ root: target });
        await createArtifactStore({ objects }).putFile(large);
      }),
    peer: () =>
      within(largeMebibytes, (target) =>
        shell(`cp ${large} ${target}/copy && sync ${target}/copy && sha256sum ${large} > /dev/null`),
      ),
  });
};

async function shell(command: string): Promise<void> {
  await run("sh", ["-c", command]);
}
