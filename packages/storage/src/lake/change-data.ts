import { type RecordBatch, Schema } from "apache-arrow";
import { arrowField } from "../parquet/arrow-type.ts";
import { batchOf, constantData } from "../parquet/batch.ts";
import type { Action } from "./actions.ts";
import type { Base } from "./change.ts";
import type { TableColumn } from "./schema.ts";
import type { Stage } from "./stage.ts";

/** What became of a row: "Change Data Files" of the Delta protocol. */
export type ChangeType = "insert" | "update_preimage" | "update_postimage" | "delete";

/** The column that change data files have besides those of the table. */
export const changeTypeColumn: TableColumn = { name: "_change_type", type: "string", nullable: true, metadata: {} };

const ownColumns: ReadonlySet<string> = new Set([changeTypeColumn.name, "_commit_version", "_commit_timestamp"]);

/** Whether a column has the name of one that the feed has of its own; letter case does not count. */
export const isFeedColumn = (name: string): boolean => ownColumns.has(name.toLowerCase());

/** Whether a table keeps its changes. */
export const keepsChanges = (configuration: Readonly<Record<string, string>>): boolean =>
  configuration["delta.enableChangeDataFeed"] === "true";

/**
 * The change data of one operation. A version that has any is read from it alone, so that an operation writes either
 * all of its changes here, or none: what it adds and removes then says it all.
 */
export class ChangeData {
  readonly #stage: Stage | undefined;

  constructor({ definition, stages }: Base, wanted = true) {
    if (!keepsChanges(definition.configuration) || !wanted) return;
    const { columns, partitionBy } = definition;
    const options = { columns: [...columns, changeTypeColumn], partitionBy, folder: "_change_data/", prefix: "cdc" };
    this.#stage = stages.open(options);
  }

  get enabled(): boolean {
    return this.#stage !== undefined;
  }

  async write(type: ChangeType, batch: RecordBatch | undefined): Promise<void> {
    if (this.#stage === undefined || batch === undefined || batch.numRows === 0) return;
    const fields = [...batch.schema.fields, arrowField(changeTypeColumn.name, "string")];
    const data = [...batch.data.children, constantData("string", type, batch.numRows)];
    await this.#stage.write(batchOf(new Schema(fields), data, batch.numRows));
  }

  async finish(signal?: AbortSignal): Promise<Action[]> {
    const files = (await this.#stage?.finish(signal)) ?? [];
    return files.map(({ path, partitionValues, size }) => ({
      cdc: { path, partitionValues, size, dataChange: false },
    }));
  }
}
