import { decodeCursor, encodeCursor, type Page, type PageRequest, type SqlExecutor, type SqlRow } from "@ashlar/core";
import type { RunEvent, RunRecord, RunState, StepRecord, StepState } from "./port.ts";
import { decodeValue } from "./value.ts";

const optionalNumber = (value: unknown): number | undefined => (value === null ? undefined : Number(value));
const optionalText = (value: unknown): string | undefined => (value === null ? undefined : String(value));

export async function readRun(database: SqlExecutor, id: string): Promise<RunRecord | undefined> {
  const [row] = await database.query("SELECT * FROM run WHERE id = ?", [id]);
  return row === undefined ? undefined : toRun(row);
}

export async function readRuns(database: SqlExecutor, request: PageRequest): Promise<Page<RunRecord>> {
  const limit = Math.min(Math.max(1, request.limit ?? 100), 1000);
  const [time, id] = request.cursor === undefined ? [Number.MAX_SAFE_INTEGER, ""] : decodeCursor(request.cursor);
  const rows = await database.query(
    "SELECT * FROM run WHERE (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT ?",
    [time ?? 0, id ?? "", limit + 1],
  );
  const items = rows.slice(0, limit).map(toRun);
  const last = items.at(-1);
  return rows.length > limit && last !== undefined
    ? { items, next: encodeCursor([last.createdAt, last.id]) }
    : { items };
}

export async function readSteps(database: SqlExecutor, run: string): Promise<StepRecord[]> {
  const rows = await database.query("SELECT * FROM step WHERE run = ? ORDER BY ordinal", [run]);
  return rows.map((row) => ({
    name: String(row["name"]),
    state: row["state"] as StepState,
    attempts: Number(row["attempts"]),
    failures: Number(row["failures"]),
    interruptions: Number(row["interruptions"]),
    runAt: optionalNumber(row["run_at"]),
    startedAt: optionalNumber(row["started_at"]),
    finishedAt: optionalNumber(row["finished_at"]),
    output: decodeValue(row["output"]),
    error: optionalText(row["error"]),
    errorCode: optionalText(row["error_code"]),
  }));
}

export async function readEvents(database: SqlExecutor, run: string, after = 0): Promise<RunEvent[]> {
  const rows = await database.query("SELECT * FROM event WHERE run = ? AND seq > ? ORDER BY seq", [run, after]);
  return rows.map((row) => ({
    seq: Number(row["seq"]),
    run: String(row["run"]),
    step: optionalText(row["step"]),
    type: row["type"] as RunEvent["type"],
    at: Number(row["at"]),
    detail: optionalText(row["detail"]),
  }));
}

function toRun(row: SqlRow): RunRecord {
  const step = optionalText(row["error_step"]);
  return {
    id: String(row["id"]),
    workflow: String(row["workflow"]),
    version: String(row["version"]),
    state: row["state"] as RunState,
    input: decodeValue(row["input"]),
    output: decodeValue(row["output"]),
    error:
      step === undefined
        ? undefined
        : { step, message: String(row["error_message"]), code: optionalText(row["error_code"]) },
    cancelRequested: row["cancel_requested"] === 1,
    createdAt: Number(row["created_at"]),
    finishedAt: optionalNumber(row["finished_at"]),
  };
}
