import { type ColumnTest, type Predicate, testsOf } from "../parquet/predicate.ts";
import type { AddFile } from "./actions.ts";
import { physicalName } from "./column-mapping.ts";
import { decodeValue } from "./partition.ts";
import { typesByName } from "./schema.ts";
import type { Definition } from "./state.ts";
import { parseStatistics } from "./statistics.ts";

/**
 * Decides by partition values and statistics whether a file may hold rows of a predicate. Only a no is certain.
 *
 * @throws COLUMN_UNKNOWN, PREDICATE_INVALID
 */
export function fileMatcher(definition: Definition, where: Predicate): (file: AddFile) => boolean {
  const tests = testsOf(where, typesByName(definition.columns));
  const names = new Map(definition.columns.map((column) => [column.name, physicalName(column)]));
  const nameOf = (test: ColumnTest): string => names.get(test.column) ?? test.column;
  const partitions = tests.filter((test) => definition.partitionBy.includes(test.column));
  const inFile = tests.filter((test) => !definition.partitionBy.includes(test.column));
  return (file) => {
    const matches = partitions.every((test) => {
      const value = decodeValue(test.type, file.partitionValues[nameOf(test)] ?? null);
      return value === undefined || test.matches(value);
    });
    if (!matches || inFile.length === 0) return matches;
    const statistics = parseStatistics(file.stats);
    return inFile.every((test) => test.mayMatch(statistics.boundsOf(nameOf(test), test.type)));
  };
}
