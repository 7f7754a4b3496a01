// Holds the write lock of a SQLite file: `lock-child.ts <path>` says "locked", and lets go at the first byte it is sent.
import { DatabaseSync } from "node:sqlite";

const connection = new DatabaseSync(process.argv[2] ?? "", { timeout: 5000 });
connection.exec("BEGIN IMMEDIATE");
process.stdout.write("locked\n");
process.stdin.once("data", () => {
  connection.exec("COMMIT");
  connection.close();
  process.stdin.pause();
});
