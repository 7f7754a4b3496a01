import { storageError } from "../errors.ts";
import type { Expectation, Severity } from "../expect/expectation.ts";
import { canBeKept, keptFrom, keptText, type KeptExpectations, withColumns } from "../expect/kept.ts";
import type { Definition } from "./state.ts";

/** The table property in which a table's expectations stand: engines that do not know it carry it along. */
export const expectationsKey = "ashlar.expectations";

type Configuration = Definition["configuration"];

/** @throws EXPECTATION_INVALID */
export function keptExpectations(configuration: Configuration): KeptExpectations {
  const text = configuration[expectationsKey];
  return text === undefined ? { expect: [] } : keptFrom(text);
}

/** The property for these expectations, as far as a table can keep them; none where there is nothing to keep. */
export function expectationProperties({ expect, onViolation }: KeptExpectations): Record<string, string> {
  const kept = expect.filter(canBeKept);
  if (kept.length === 0) return {};
  return { [expectationsKey]: keptText({ expect: kept, ...(onViolation === undefined ? {} : { onViolation }) }) };
}

/** @throws ALTER_INVALID for an expectation with code of its own, or of a column that the table has not */
export function declareExpectations(
  table: string,
  configuration: Configuration,
  columns: ReadonlySet<string>,
  expectations: KeptExpectations,
): Configuration {
  for (const expectation of expectations.expect) {
    if (!canBeKept(expectation)) {
      const problem = `the expectation ${expectation.name} has code of its own, which a table cannot keep: give it to lake.table()`;
      throw storageError("ALTER_INVALID", { table, problem });
    }
    const unknown = columnsOf(expectation).find((column) => !columns.has(column));
    if (unknown !== undefined) {
      const problem = `the expectation ${expectation.name} is about the column "${unknown}", which there is not`;
      throw storageError("ALTER_INVALID", { table, problem });
    }
  }
  const { [expectationsKey]: _, ...others } = configuration;
  return { ...others, ...expectationProperties(expectations) };
}

/** Expectations follow their columns to other names. */
export function renamedExpectations(configuration: Configuration, from: string, to: string): Configuration {
  if (configuration[expectationsKey] === undefined) return configuration;
  const { expect, ...rest } = keptExpectations(configuration);
  const nameOf = (column: string): string => (column === from ? to : column);
  const renamed = { ...rest, expect: expect.map((expectation) => withColumns(expectation, nameOf)) };
  return { ...configuration, ...expectationProperties(renamed) };
}

/** The first expectation that the table keeps about a column. */
export function expectationOf(configuration: Configuration, column: string): Expectation | undefined {
  return keptExpectations(configuration).expect.find((expectation) => columnsOf(expectation).includes(column));
}

const columnsOf = (expectation: Expectation): readonly string[] =>
  "columns" in expectation ? expectation.columns : [expectation.column];

const strictness: Readonly<Record<Severity, number>> = { fail: 2, quarantine: 1, warn: 0 };

/** Each once, as strictly as anybody asks for it. What has code of its own is nobody else's. */
export function distinctExpectations(expectations: readonly Expectation[], onViolation: Severity): Expectation[] {
  const distinct = new Map<string | Expectation, Expectation>();
  const strict = ({ severity = onViolation }: Expectation): number => strictness[severity];
  for (const expectation of expectations) {
    const key = canBeKept(expectation) ? expectation.name : expectation;
    const known = distinct.get(key);
    if (known === undefined || strict(expectation) > strict(known)) distinct.set(key, expectation);
  }
  return [...distinct.values()];
}
