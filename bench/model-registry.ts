import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { memoryObjectStore } from "@ashlar/core/memory";
import { beats, createModelRegistry, objectStoreArtifacts, sqlite } from "@ashlar/model-registry";
import { rate, type Suite } from "./harness.ts";

/** Versions and aliases in a SQLite file, against the bare statements that would store and read as much. */
export const modelRegistry: Suite = async ({ folder, pair }) => {
  const artifacts = objectStoreArtifacts(memoryObjectStore());
  await using registry = createModelRegistry({ database: sqlite({ path: join(folder, "registry.db") }), artifacts });
  using bare = new DatabaseSync(join(folder, "bare.db"));
  bare.exec(`
    PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
    CREATE TABLE version (model TEXT, number INTEGER, files TEXT, metrics TEXT, author TEXT, PRIMARY KEY (model, number));
    CREATE TABLE alias (model TEXT, name TEXT, number INTEGER, PRIMARY KEY (model, name));
    INSERT INTO alias VALUES ('delay', 'champion', 0)`);

  const files = { "model.bin": new TextEncoder().encode("weights") };
  const insert = bare.prepare("INSERT INTO version VALUES ('delay', ?, ?, ?, 'ada')");
  const listed = JSON.stringify(["model.bin"]);
  let registered = 0;
  let inserted = 0;
  const register = (): Promise<unknown> =>
    registry.register("delay", { files, metrics: { auc: registered++ }, author: "ada" });
  await pair({
    name: "register a version",
    unit: "versions/s",
    peerName: "node:sqlite, one synced INSERT",
    ours: () => rate(register),
    peer: () => rate(() => insert.run(inserted++, listed, JSON.stringify({ auc: inserted }))),
  });

  const update = bare.prepare("UPDATE alias SET number = ? WHERE model = 'delay' AND name = 'champion' AND number = ?");
  const gates = [beats("champion", "auc")];
  let moved = 0;
  let updated = 0;
  const promote = async (): Promise<void> => {
    if (moved === registered) await register();
    const expected = moved === 0 ? undefined : moved;
    await registry.promote("delay", { alias: "champion", to: ++moved, expected, gates, by: "bob" });
  };
  await pair({
    name: "promote through a gate, with history",
    unit: "moves/s",
    peerName: "node:sqlite, one synced conditional UPDATE",
    rounds: 3,
    ours: () => rate(promote, { milliseconds: 200 }),
    peer: () => rate(() => update.run(++updated, updated - 1), { milliseconds: 200 }),
  });

  const select = bare.prepare(
    "SELECT version.* FROM alias JOIN version USING (model, number) WHERE alias.model = ? AND alias.name = ?",
  );
  bare.exec("UPDATE alias SET number = 1");
  await pair({
    name: "get a version by its alias",
    unit: "reads/s",
    peerName: "node:sqlite, one joined SELECT",
    ours: () => rate(() => registry.get("delay@champion")),
    peer: () => rate(() => select.get("delay", "champion")),
  });
};
