import { createArtifactStore } from "@ashlar/storage/artifact";
import { fileSystem } from "@ashlar/storage/file-system";
import { interrupted } from "./failing-store.ts";

// Does one thing to an artifact store and is killed at the n-th change of the objects below:
// `kill-artifacts.ts <root> <what> <n> <when> <subject>`. Says "done" where it was over before.
const [root = "", what = "", at = "1", when = "before", subject = ""] = process.argv.slice(2);
const objects = interrupted(fileSystem({ root }), {
  at: Number(at),
  when: when === "after" ? "after" : "before",
  interrupt: () => process.kill(process.pid, "SIGKILL"),
});
// A collection comes a day later: what it is to delete has to be old.
const late = what === "collect" ? 25 * 3_600_000 : 0;
const clock = { now: () => Date.now() + late, monotonic: () => performance.now(), sleep: async () => undefined };
const store = createArtifactStore({ objects, clock });

const things: Readonly<Record<string, () => Promise<unknown>>> = {
  stream: () => store.putBlob(new Blob([new Uint8Array(9 * 1024 * 1024).fill(7)]).stream()),
  upload: async () => {
    const upload = await store.resumeUpload(subject);
    await upload.putPart(2, new TextEncoder().encode("second"));
    return upload.complete();
  },
  manifest: async () => {
    const { digest } = await store.putBlob(new TextEncoder().encode("new"));
    return store.putManifest({ files: { a: digest, kept: subject as `sha256:${string}` } });
  },
  collect: () => store.collect({ roots: subject.split(",") }),
  many: () => store.putBlobs(Array.from({ length: 80 }, (_, n) => new TextEncoder().encode(`${subject} ${n}`))),
};
await things[what]?.();
process.stdout.write("done");
