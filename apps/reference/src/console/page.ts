// The console's script. It runs in the browser; the server strips the types when it sends it.
import type uPlotType from "uplot";
import type { ConsoleState, StageView, TrafficSample } from "./state.ts";

const { default: UPlot } = (await import(new URL("/console/uplot.js", location.href).href)) as {
  default: typeof uPlotType;
};

function element(id: string): HTMLElement {
  return document.getElementById(id) as HTMLElement;
}

function make(tag: string, text = "", className = ""): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className !== "") made.className = className;
  return made;
}

const words: Readonly<Record<ConsoleState["phase"], string>> = {
  building: "building: the stages below are running",
  serving: "serving predictions",
  failed: "the job has failed: see the stages",
};

function showPhase(text: string, className: string): void {
  const phase = element("phase");
  if (phase.textContent !== text) phase.textContent = text;
  phase.className = className;
}

function showStages(stages: readonly StageView[]): void {
  const rows = stages.map((stage) => {
    const row = make("tr");
    const state = make("td", stage.resumed ? "done before" : stage.state, stage.state);
    if (stage.state === "running") {
      const bar = document.createElement("progress");
      bar.value = stage.fraction;
      bar.setAttribute("aria-label", stage.title);
      state.append(bar);
    }
    const title = make("td", stage.title);
    if (stage.message !== "") title.append(make("div", stage.message, "detail"));
    row.append(title, state, make("td", stage.seconds?.toFixed(1) ?? "", "number"));
    return row;
  });
  element("stages").replaceChildren(...rows);
}

function showLineage({ nodes }: ConsoleState["lineage"]): void {
  const items = nodes.map(({ kind, label, detail }) => {
    const item = make("li");
    item.append(make("div", kind, "kind"), make("strong", label), make("div", detail, "detail"));
    return item;
  });
  element("lineage").replaceChildren(...items);
}

function showModel(model: ConsoleState["model"]): void {
  if (model === undefined) return;
  const head = make("p");
  head.append(make("strong", `${model.name}@${model.alias}`), ` is version ${model.version}`);
  const scores = make("table");
  const title = make("tr");
  title.append(make("th", "judged on June, which no model has seen"), make("th", "AUC", "number"));
  scores.append(title);
  for (const { name, auc } of model.scores) {
    const row = make("tr", "", name === model.scores[0]?.name ? "champion" : "");
    row.append(make("td", name), make("td", auc.toFixed(4), "number"));
    scores.append(row);
  }
  const digest = make("p", "", "detail");
  digest.append(make("code", model.digest));
  element("model").replaceChildren(head, scores, digest);
}

function showFeatures(features: ConsoleState["features"]): void {
  if (features === undefined) return;
  const { online, served, streamed, drifted } = features;
  const count = (value: number): string => value.toLocaleString("en");
  const causes = served.causes.map(({ cause, values }) => `${count(values)} ${cause}`).join(", ");
  const held = tableOf(
    ["held to history, value by value", "values", "differ"],
    [
      ["online, before anything was served", count(online.values), count(online.different)],
      [`as served${causes === "" ? "" : `: ${causes}`}`, count(served.values), count(served.different)],
    ],
  );
  const pushed = make("p", `${count(streamed)} landings were pushed while requests were answered.`, "detail");
  const moved = tableOf(
    ["spread otherwise than in training", "PSI"],
    drifted.map(({ feature, psi }) => [feature, psi.toFixed(2)]),
  );
  element("features").replaceChildren(held, pushed, ...(drifted.length === 0 ? [] : [moved]));
}

/** Text first, then numbers. */
function tableOf(heading: readonly string[], rows: readonly (readonly string[])[]): HTMLElement {
  const table = make("table");
  const line = (tag: string, cells: readonly string[]): HTMLElement => {
    const row = make("tr");
    row.append(...cells.map((cell, index) => make(tag, cell, index === 0 ? "" : "number")));
    return row;
  };
  table.append(line("th", heading), ...rows.map((cells) => line("td", cells)));
  return table;
}

function chartOf(id: string, series: readonly { readonly label: string; readonly stroke: string }[]): uPlotType {
  const ink = getComputedStyle(document.body).color;
  const grid = { stroke: "#88888833", width: 1 };
  const size = (): { width: number; height: number } => ({
    width: Math.max(200, element(id).clientWidth),
    height: 120,
  });
  const chart = new UPlot(
    {
      ...size(),
      legend: { live: false },
      cursor: { show: false },
      series: [{}, ...series.map((line) => ({ ...line, width: 1.5, points: { show: false } }))],
      scales: {
        x: { range: (_chart, least, most) => [Math.min(least, most - 60), most] },
        y: { range: (_chart, _least, most) => [0, Math.max(1, most * 1.15)] },
      },
      axes: [
        { stroke: ink, grid, size: 24, space: 80 },
        { stroke: ink, grid, size: 48 },
      ],
    },
    [[], ...series.map(() => [])],
    element(id),
  );
  addEventListener("resize", () => chart.setSize(size()));
  return chart;
}

const rate = chartOf("rate", [
  { label: "answered", stroke: "#3f7fee" },
  { label: "failed", stroke: "#d9483b" },
]);
const latency = chartOf("latency", [
  { label: "p50", stroke: "#2f9e66" },
  { label: "p99", stroke: "#d08a1d" },
]);

function showTraffic({ total, refused, samples }: ConsoleState["traffic"]): void {
  const last: TrafficSample | undefined = total === 0 ? undefined : samples.at(-1);
  const figures: readonly (readonly [string, string])[] = [
    ["requests", total.toLocaleString("en")],
    ["refused", refused.toLocaleString("en")],
    ["p50", last === undefined ? "–" : `${last.p50Ms.toFixed(1)} ms`],
    ["p99", last === undefined ? "–" : `${last.p99Ms.toFixed(1)} ms`],
  ];
  const parts = figures.map(([label, value]) => {
    const pair = make("div");
    pair.append(make("dt", label), make("dd", value));
    return pair;
  });
  element("figures").replaceChildren(...parts);
  const times = samples.map(({ at }) => at);
  rate.setData([times, samples.map(({ requests }) => requests), samples.map(({ failures }) => failures)]);
  latency.setData([times, samples.map(({ p50Ms }) => p50Ms), samples.map(({ p99Ms }) => p99Ms)]);
}

function showAudit({ entries, refusals }: ConsoleState["audit"]): void {
  element("audit").textContent = `${entries.toLocaleString("en")} entries; ${refusals.length} refusals shown`;
  element("refusals").replaceChildren(
    ...refusals.map(({ principal, action, resource }) => {
      const item = make("li");
      item.append(make("code", principal), " was refused ", make("code", action), " on ", make("code", resource));
      return item;
    }),
  );
}

async function refresh(): Promise<void> {
  try {
    const state = (await (await fetch("/console/state")).json()) as ConsoleState;
    showPhase(words[state.phase], state.phase);
    showStages(state.stages);
    showLineage(state.lineage);
    showModel(state.model);
    showFeatures(state.features);
    showTraffic(state.traffic);
    showAudit(state.audit);
  } catch {
    showPhase("the server does not answer", "silent");
  }
}

await refresh();
setInterval(() => void refresh(), 1000);
