import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { literal } from "./duckdb-columns.ts";
import { type DuckdbConnection, type DuckdbInstance, type DuckdbLibrary, loadDuckdb } from "./duckdb-library.ts";
import { scratchFolder } from "./scratch.ts";

export interface DatabaseOptions {
  /** The library, when the caller has imported it; by default `@duckdb/node-api` is imported on first use. */
  readonly lib?: DuckdbLibrary;
  /** What DuckDB may use before it spills, e.g. `"1GB"`; default `"512MB"`. */
  readonly memoryLimit?: string;
  /** Where it spills and keeps timelines; by default the system's temporary folder. In it a folder of its own is made. */
  readonly temporaryDirectory?: string;
  /** Threads; default as many as the machine has. */
  readonly threads?: number;
}

/** The schema of tables that outlast a session: a file in the scratch folder, whose blocks DuckDB compresses. */
const lasting = "timelines";

interface Opened {
  readonly instance: DuckdbInstance;
  readonly folder: string;
  attached: Promise<unknown> | undefined;
}

/** A connection of its own to the database; its temporary tables go with it. */
export interface Session extends AsyncDisposable {
  readonly connection: DuckdbConnection;
  /** A name that nothing else of the database has. */
  newName(prefix: string): string;
  /** A folder for files, removed when the database is closed. */
  readonly folder: string;
  /** The name of a new table that outlasts the session, until it is dropped. */
  lastingTable(): Promise<string>;
  /** The name of a new table on disk, compressed, that is dropped with the session: for what temporary tables would spill. */
  largeTable(): Promise<string>;
}

/** One database in memory, opened when it is first used and closed when nothing uses it and nothing is kept in it. */
export class DuckdbDatabase {
  readonly #options: DatabaseOptions;
  #opening: Promise<Opened> | undefined;
  #sessions = 0;
  #lasting = 0;
  #named = 0;
  readonly #dropping = new Set<Promise<void>>();

  constructor(options: DatabaseOptions) {
    this.#options = options;
  }

  /** @throws ENGINE_NOT_INSTALLED */
  async session(): Promise<Session> {
    this.#sessions++;
    try {
      const opened = await (this.#opening ??= this.#open());
      const connection = await opened.instance.connect();
      // A comparison of timestamps with and without a zone follows the session's zone, which follows that of the process.
      await connection.run("SET TimeZone = 'UTC'");
      const lastingTable = async (): Promise<string> => {
        const file = literal(join(opened.folder, `${lasting}.duckdb`));
        // Nobody opens it again: it needs no log.
        await (opened.attached ??= connection.run(`ATTACH ${file} AS ${lasting} (RECOVERY_MODE no_wal_writes)`));
        this.#lasting++;
        return `${lasting}.t${this.#named++}`;
      };
      const large: string[] = [];
      return {
        connection,
        newName: (prefix) => `${prefix}_${this.#named++}`,
        folder: opened.folder,
        lastingTable,
        largeTable: async () => {
          const table = await lastingTable();
          large.push(table);
          return table;
        },
        [Symbol.asyncDispose]: async () => {
          for (const table of large) await connection.run(`DROP TABLE IF EXISTS ${table}`);
          this.#lasting -= large.length;
          connection.closeSync();
          await this.#leave();
        },
      };
    } catch (error) {
      await this.#leave();
      throw error;
    }
  }

  /** Drops tables that {@link Session.lastingTable} named, whether they were made or not. */
  async drop(tables: readonly string[]): Promise<void> {
    const dropping = this.#drop(tables);
    const settled = dropping.catch(() => undefined).finally(() => this.#dropping.delete(settled));
    this.#dropping.add(settled);
    await dropping;
  }

  /** Resolves when no table is being dropped. */
  async dropped(): Promise<void> {
    await Promise.all(this.#dropping);
  }

  async #drop(tables: readonly string[]): Promise<void> {
    await using session = await this.session();
    for (const table of tables) await session.connection.run(`DROP TABLE IF EXISTS ${table}`);
    this.#lasting -= tables.length;
  }

  async #open(): Promise<Opened> {
    const { lib, memoryLimit = "512MB", temporaryDirectory = tmpdir(), threads } = this.#options;
    const library = lib ?? (await loadDuckdb(() => import("@duckdb/node-api")));
    await mkdir(temporaryDirectory, { recursive: true });
    const folder = await scratchFolder(temporaryDirectory);
    const instance = await library.DuckDBInstance.create(":memory:", {
      memory_limit: memoryLimit,
      temp_directory: folder,
      ...(threads === undefined ? {} : { threads: String(threads) }),
    });
    return { instance, folder, attached: undefined };
  }

  async #leave(): Promise<void> {
    this.#sessions--;
    if (this.#sessions > 0 || this.#lasting > 0) return;
    const opening = this.#opening;
    this.#opening = undefined;
    const opened = await opening?.catch(() => undefined);
    opened?.instance.closeSync();
    if (opened !== undefined) await rm(opened.folder, { recursive: true, force: true });
  }
}
