export { distribution, type DistributionOptions } from "./distribution.ts";
export type {
  Expectation,
  Judgement,
  Measure,
  Range,
  RowExpectation,
  RowTest,
  Severity,
  SeverityOption,
  TableExpectation,
  ValueExpectation,
  Write,
} from "./expectation.ts";
export type { ExpectationRecord, ExpectationResult } from "./result.ts";
export { rows, type RowsOptions, unique, type UniqueOptions } from "./row.ts";
export { freshWithin, mean, nullShare, quantile, rowCount, stddev } from "./table.ts";
export { between, hasLength, isJson, matches, notNull, oneOf } from "./value.ts";
