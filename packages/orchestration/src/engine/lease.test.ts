import { systemClock } from "@ashlar/core";
import { manualClock } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
import { sqlite } from "../index.ts";
import { assertHeld, claim, registerWorker } from "./lease.ts";
import { isAlive, thisWorker } from "./worker-identity.ts";

const insertRun =
  "INSERT INTO run (id, workflow, version, state, input, owner, created_at) VALUES ('r', 'w', 'v', 'running', x'00', ?, 0)";

describe("lease", () => {
  it("is refused while the owner lives, and taken from the dead with a new epoch", async () => {
    await using database = await sqlite({ path: ":memory:" })();
    const [mine, other] = [thisWorker(), thisWorker()];
    await registerWorker(database, other, systemClock);
    await database.run(insertRun, [other.id]);
    const attempt = database.transaction((tx) => claim(tx, "r", mine, systemClock));
    await expect(attempt).rejects.toMatchObject({ code: "RUN_OWNED" });

    await database.run("UPDATE worker SET process_start = 'another start'");
    const lease = await database.transaction((tx) => claim(tx, "r", mine, systemClock));
    expect(lease.epoch).toBe(1);
    const stolen = await database.transaction((tx) => claim(tx, "r", thisWorker(), systemClock)).catch(() => undefined);
    expect(stolen?.epoch).toBe(2);
    await expect(assertHeld(database, lease)).rejects.toMatchObject({ code: "RUN_FENCED" });
  });

  it("judges a worker of another host by its heartbeat", async () => {
    await using database = await sqlite({ path: ":memory:" })();
    const clock = manualClock(1_000_000);
    const far = { ...thisWorker(), host: "elsewhere" };
    expect(isAlive(far)).toBeUndefined();
    await registerWorker(database, far, clock);
    await database.run(insertRun, [far.id]);
    clock.advance(9_999);
    await expect(database.transaction((tx) => claim(tx, "r", thisWorker(), clock))).rejects.toMatchObject({
      code: "RUN_OWNED",
    });
    clock.advance(1);
    await expect(database.transaction((tx) => claim(tx, "r", thisWorker(), clock))).resolves.toMatchObject({
      epoch: 1,
    });
  });

  it("knows a process by more than its pid", () => {
    expect(isAlive(thisWorker())).toBe(true);
    expect(isAlive({ ...thisWorker(), pid: 2 ** 22 + 1 })).toBe(false);
  });
});
