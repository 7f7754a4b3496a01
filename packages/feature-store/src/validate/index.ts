export type { Batches, ScanOptions } from "./batches.ts";
export { chiSquare, type ChiSquare } from "./chi-square.ts";
export { jensenShannon, populationStability } from "./distance.ts";
export { type ColumnDrift, drift, type DriftOptions, type DriftReport } from "./drift.ts";
export { driftBetween, type DriftComparison, type DriftMatrix } from "./drift-between.ts";
export { kolmogorovSmirnov, type KolmogorovSmirnov } from "./kolmogorov-smirnov.ts";
export {
  type CategoryProfile,
  type ColumnProfile,
  type NumericProfile,
  profile,
  type Profile,
  type ProfileOptions,
} from "./profile.ts";
