import { expect, test } from "vitest";
import { stages } from "../job/stages.ts";
import { stageBoard } from "./observe.ts";
import type { StageView } from "./state.ts";

const run = "r";

test("shows every stage, waiting, from the start", () => {
  const views = stageBoard().views();
  expect(views.map(({ name }) => name)).toEqual(stages.map(({ name }) => name));
  for (const view of views) expect(view).toMatchObject({ state: "waiting", fraction: 0, resumed: false });
});

test("follows a stage through trouble to its end", () => {
  const seen: StageView[] = [];
  const board = stageBoard((view) => seen.push(view));
  board.observe({ run, step: "ingest", state: "started" });
  board.observe({ run, step: "ingest", state: "progress", fraction: 0.4, message: "reading" });
  board.observe({ run, step: "ingest", state: "retrying", message: "disk full" });
  board.observe({ run, step: "ingest", state: "started" });
  board.observe({ run, step: "ingest", state: "succeeded" });
  expect(seen.map(({ state }) => state)).toEqual(["running", "running", "retrying", "running", "done"]);
  expect(seen[1]).toMatchObject({ fraction: 0.4, message: "reading" });
  expect(seen[2]).toMatchObject({ message: "disk full" });
  expect(board.views()[0]).toMatchObject({ state: "done", fraction: 1, message: "", resumed: false });
  expect(board.views()[0]?.seconds).toBeGreaterThanOrEqual(0);
});

test("tells what an earlier process did, and what failed", () => {
  const board = stageBoard();
  board.observe({ run, step: "ingest", state: "skipped" });
  board.finished("features", 12.5);
  board.observe({ run, step: "leak", state: "started" });
  board.observe({ run, step: "leak", state: "failed", message: "no memory" });
  const view = (name: string) => board.views().find((stage) => stage.name === name);
  expect(view("ingest")).toMatchObject({ state: "done", resumed: true });
  expect(view("features")).toMatchObject({ state: "done", resumed: true, seconds: 12.5 });
  expect(view("leak")).toMatchObject({ state: "failed", message: "no memory" });
});

test("knows nothing of steps that are no stages", () => {
  const board = stageBoard(() => expect.unreachable());
  board.observe({ run, step: "choose", state: "started" });
  expect(board.views()).toHaveLength(stages.length);
});
