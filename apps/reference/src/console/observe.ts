import type { Progress } from "@ashlar/orchestration";
import { stages } from "../job/stages.ts";
import type { StageView } from "./state.ts";

/** Follows the stages of the job from the engine's reports. */
export interface StageBoard {
  observe(progress: Progress): void;
  /** Fills in what earlier processes did. */
  finished(name: string, seconds: number): void;
  views(): readonly StageView[];
}

export function stageBoard(onChange: (view: StageView) => void = () => undefined): StageBoard {
  const started = new Map<string, number>();
  const views = new Map<string, StageView>(
    stages.map(({ name, title }) => [
      name,
      { name, title, state: "waiting", fraction: 0, message: "", seconds: undefined, resumed: false },
    ]),
  );
  function change(name: string, more: Partial<StageView>): void {
    const view = views.get(name);
    if (view === undefined) return;
    const next = { ...view, ...more };
    views.set(name, next);
    onChange(next);
  }
  return {
    observe({ step, state, fraction, message }) {
      const seconds = (performance.now() - (started.get(step) ?? performance.now())) / 1000;
      switch (state) {
        case "started":
          started.set(step, performance.now());
          return change(step, { state: "running", fraction: 0 });
        case "progress":
          return change(step, { state: "running", fraction: fraction ?? 0, message: message ?? "", seconds });
        case "succeeded":
          return change(step, { state: "done", fraction: 1, message: "", seconds });
        case "skipped":
          return change(step, { state: "done", fraction: 1, resumed: true });
        case "retrying":
          return change(step, { state: "retrying", message: message ?? "" });
        case "failed":
          return change(step, { state: "failed", message: message ?? "", seconds });
      }
    },
    finished: (name, seconds) => change(name, { state: "done", fraction: 1, resumed: true, seconds }),
    views: () => [...views.values()],
  };
}
