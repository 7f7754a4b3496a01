import type { Column } from "../parquet/column.ts";
import { ColumnBounds } from "../parquet/column-bounds.ts";
import type { ColumnCheck } from "../parquet/port.ts";

/**
 * Whether all values of a column satisfy a condition, told from its nulls, its smallest and its greatest value; false
 * where it takes a look at each of them.
 */
export function surelyHolds({ test, nullPasses }: ColumnCheck, column: Column): boolean {
  if (column.nullCount > 0 && !nullPasses) return false;
  const { null: nulls, gte, lte, ...more } = test.condition;
  if (Object.values(more).some((part) => part !== undefined)) return false;
  if (nulls === false && gte === undefined && lte === undefined) return true;
  if (nulls !== undefined || column.numbers === undefined) return false;
  const bounds = new ColumnBounds();
  bounds.observe(column, column.nullCount > 0 ? column.isNull : undefined);
  const { min, max, unordered } = bounds;
  return !unordered && (min === undefined || max === undefined || (test.matches(min) && test.matches(max)));
}
