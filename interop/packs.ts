import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { isAshlarError, type ObjectStore, toBytes } from "@ashlar/core";
import { type ArtifactStore, createArtifactStore } from "@ashlar/storage/artifact";
import { retrying } from "@ashlar/storage/retrying";
import { expect, it } from "vitest";
import { atEveryExchange, cuts, type DroppedStore } from "./dropped-connections.ts";

/** Where a process of its own finds the store. */
export type PacksPlace =
  | { readonly endpoint: string; readonly bucket: string }
  | { readonly connectionString: string; readonly container: string };

const blobsInPack = 33;
const hour = 3_600_000;

const digestOf = (body: Uint8Array): string => `sha256:${createHash("sha256").update(body).digest("hex")}`;

/** Bodies of a pack. Their digests begin alike, so that one listing tells which of them are there. */
export function bodiesOf(pack: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let n = 0; found.length < blobsInPack; n++) {
    const body = new TextEncoder().encode(`pack ${pack}, blob ${n}`);
    if (digestOf(body).startsWith("sha256:2c")) found.push(body);
  }
  return found;
}

/** Seen by a process that knows nothing yet, some hours from now. */
function openAt(objects: ObjectStore, hours = 0): ArtifactStore {
  const clock = { now: () => Date.now() + hours * hour, monotonic: () => 0, sleep: async () => undefined };
  return createArtifactStore({ objects, clock });
}

/** How many of the bodies are there, each read to its end. */
async function countOf(store: ArtifactStore, bodies: readonly Uint8Array[]): Promise<number> {
  let count = 0;
  for (const body of bodies) {
    const found = await store.getBlob(digestOf(body)).then(toBytes, (error: unknown) => {
      if (!isAshlarError(error, "ARTIFACT_NOT_FOUND")) throw error;
      return undefined;
    });
    expect(found === undefined || Buffer.compare(found, body) === 0).toBe(true);
    if (found !== undefined) count += 1;
  }
  return count;
}

async function keysBelow(objects: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of objects.list(prefix)) keys.push(key);
  return keys;
}

/** Packs of small blobs on a server of another project, whose connections are cut, and of whose clients one is killed. */
export function describePacks(
  create: () => Promise<Omit<DroppedStore, "large"> & { readonly place: PacksPlace }>,
): void {
  it("puts, finds, reads, locates and collects small blobs in packs", async () => {
    const { direct } = await create();
    const [first, second, third] = [1, 2, 3].map(bodiesOf) as [Uint8Array[], Uint8Array[], Uint8Array[]];
    for (const bodies of [first, second, third]) await openAt(direct).putBlobs(bodies);
    expect(await keysBelow(direct, "blobs/")).toHaveLength(3);
    expect(await countOf(openAt(direct), [...first, ...second, ...third])).toBe(3 * blobsInPack);
    const alive = [...first.slice(0, 16), ...second.slice(0, 16), third[0] as Uint8Array];
    await openAt(direct, 30).collect({ roots: alive.map(digestOf) });
    // 33 of three packs are enough for one of their own.
    expect(await keysBelow(direct, "blobs/")).toHaveLength(1);
    expect(await countOf(openAt(direct), [...first, ...second, ...third])).toBe(alive.length);
    const location = await openAt(direct).locate(digestOf(alive[20] as Uint8Array));
    expect(await (await direct.get(location)).bytes()).toEqual(alive[20]);
  });

  it("has a pack whole or not at all when a connection is cut, and comes through when it is tried again", async () => {
    const { through, direct, proxy } = await create();
    const bodies = bodiesOf(1);
    const some = bodies.filter((_, place) => place % 8 === 0);
    const outcomes = new Set<string>();
    const clear = async (): Promise<void> => {
      for (const key of await keysBelow(direct, "")) await direct.delete(key);
    };
    const act = async (objects: ObjectStore): Promise<string> => {
      const done = openAt(objects).putBlobs(bodies);
      return done.then(
        () => "done",
        (error: unknown) => (isAshlarError(error) ? error.code : `unnamed: ${String(error)}`),
      );
    };
    const exchanges = await atEveryExchange(proxy, async (label) => {
      const outcome = await act(through);
      outcomes.add(outcome);
      const count = await countOf(openAt(direct), some);
      expect([0, some.length], label).toContain(count);
      expect(outcome !== "done" || count === some.length, label).toBe(true);
      await clear();
    });
    expect([...outcomes].sort()).toEqual(["STORE_UNAVAILABLE", "done"]);
    expect(exchanges).toBeGreaterThan(4);
    const patient = retrying(through, { baseDelayMs: 1 });
    await atEveryExchange(proxy, async (label) => {
      expect(await act(patient), label).toBe("done");
      expect(await countOf(openAt(direct), some), label).toBe(some.length);
      await clear();
    });
    await openAt(direct).putBlobs(bodies);
    const [wanted = new Uint8Array()] = bodies;
    await atEveryExchange(
      proxy,
      async (label) => {
        const found = await toBytes(await openAt(patient).getBlob(digestOf(wanted)));
        expect(Buffer.compare(found, wanted), label).toBe(0);
      },
      cuts,
    );
  }, 280_000);

  it("loses nothing that was acknowledged when of two processes that put packs one is killed", async () => {
    const { direct, place } = await create();
    const acknowledged = new Set<number>();
    const began = (from: number, to: number): ChildProcess => {
      const child = fileURLToPath(new URL("./packs-child.ts", import.meta.url));
      const given = [...process.execArgv, child, JSON.stringify(place), String(from), String(to)];
      const put = spawn(process.execPath, given, { stdio: ["ignore", "pipe", "inherit"] });
      put.stdout.on("data", (data: Buffer) => {
        const numbers = data.toString().trim().split("\n").map(Number);
        for (const n of numbers) acknowledged.add(n);
        if (from === 0 && numbers.some((n) => n >= 12)) put.kill("SIGKILL");
      });
      return put;
    };
    // The ranges overlap: the same packs are put by both. They are enough for indexes of many.
    const [one, two] = [began(0, 30), began(8, 40)];
    await Promise.all([once(one, "close"), once(two, "close")]);
    expect(one.signalCode).toBe("SIGKILL");
    expect(two.exitCode).toBe(0);
    expect(acknowledged.size).toBe(40);
    const some = [...acknowledged].flatMap((n) => bodiesOf(n).filter((_, place) => place % 8 === 0));
    expect(await countOf(openAt(direct), some)).toBe(some.length);
    expect((await keysBelow(direct, "blobs/indexes/")).length).toBeGreaterThan(0);
    // What is reached of every pack, a tenth of it, is put together, and found by who knows nothing yet.
    const alive = [...acknowledged].flatMap((n) => bodiesOf(n).slice(0, 3));
    await openAt(direct, 30).collect({ roots: alive.map(digestOf) });
    expect(await countOf(openAt(direct), alive)).toBe(alive.length);
    expect((await keysBelow(direct, "blobs/packs/")).length).toBeLessThan(10);
    expect(await keysBelow(direct, "blobs/indexes/")).toEqual([]);
  }, 280_000);
}
