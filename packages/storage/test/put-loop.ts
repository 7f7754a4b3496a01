import { fileSystem } from "@ashlar/storage/file-system";

// Puts self-describing objects over and over until it is killed: every byte of a version is the same, and so is its size.
// Tells its parent when the first round is done.
const [root = "", keys = "4"] = process.argv.slice(2);
const store = fileSystem({ root });
for (let round = 1; ; round++) {
  const size = 10_000 + (round % 250) * 1000;
  await store.put(`k/${round % Number(keys)}`, new Uint8Array(size).fill(round % 250));
  await store.put(`once/${process.pid}-${round}`, new Uint8Array(size).fill(round % 250), { ifAbsent: true });
  if (round === 1) process.send?.("begun");
}
