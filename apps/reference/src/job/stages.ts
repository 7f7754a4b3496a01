/** The stages of the main job, in order, as a reader sees them. */
export const stages = [
  { name: "ingest", title: "Ingest flights into a Delta table" },
  { name: "features", title: "Join features as they were known" },
  { name: "train-logistic", title: "Train the logistic baseline" },
  { name: "train-mlp", title: "Train the multi-layer perceptron" },
  { name: "train-trees", title: "Train boosted trees" },
  { name: "leak", title: "See what a leaking join would claim" },
  { name: "register", title: "Register, gate, approve, promote" },
  { name: "deploy", title: "Materialise features, deploy the champion" },
  { name: "serve", title: "Replay June as requests" },
  { name: "watch", title: "Compare what was served with history" },
  { name: "prove", title: "Verify the audit log, show the lineage" },
] as const;

export type StageName = (typeof stages)[number]["name"];

/** What each stage leaves beside its result. */
export interface Measured {
  /** The highest resident size of the process while the stage ran. */
  readonly peakRssBytes: number;
}
