import type { BoostedTreesInput } from "./boosted-trees-program.ts";
import type { LogisticInput } from "./logistic-program.ts";
import type { MlpInput } from "./mlp-program.ts";

/** What a program needs to go on from where it was, exactly: the step and every number that later steps depend on. */
export interface TrainingState {
  readonly step: number;
  readonly done: boolean;
  readonly values: Readonly<Record<string, Float64Array>>;
}

/** What the workers of a run receive. */
export type TrainingInput = LogisticInput | MlpInput | BoostedTreesInput;
