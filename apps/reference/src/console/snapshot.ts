import type { Gateway } from "@ashlar/networking";
import type { JobResult } from "../report/assemble.ts";
import type { Platform } from "../wire/platform.ts";
import type { StageBoard } from "./observe.ts";
import type { ConsoleState, FeaturesView, LineageNode, TrafficSample } from "./state.ts";

const keptSamples = 300;
const shownRefusals = 12;
const shownDrifted = 5;

interface Watched {
  readonly board: StageBoard;
  readonly platform: Platform;
  readonly gateway: Gateway;
  readonly result: JobResult | undefined;
  readonly failed: boolean;
}

/** What was seen of each gateway's traffic at the last look, and the samples since it was first looked at. */
const traffic = new WeakMap<
  Gateway,
  { last: { at: number; requests: number; failures: number }; samples: TrafficSample[] }
>();

/** The state of the app as the console shows it. */
export async function consoleState({ board, platform, gateway, result, failed }: Watched): Promise<ConsoleState> {
  const stages = board.views();
  const phase =
    failed || stages.some(({ state }) => state === "failed") ? "failed" : result === undefined ? "building" : "serving";
  return {
    phase,
    stages,
    lineage: lineageOf(result),
    model: result === undefined ? undefined : modelOf(result),
    features: result === undefined ? undefined : featuresOf(result),
    traffic: trafficOf(gateway),
    audit: { entries: platform.audit.size, refusals: result?.proven.refusals.slice(0, shownRefusals) ?? [] },
  };
}

function modelOf({ champion, models }: JobResult): ConsoleState["model"] {
  const scores = models
    .map(({ name, june }) => ({ name, auc: june.auc }))
    .sort((a, b) => Number(b.name === champion.trainer) - Number(a.name === champion.trainer) || b.auc - a.auc);
  return { name: champion.name, version: champion.version, alias: champion.alias, digest: champion.digest, scores };
}

function featuresOf({ deployed, served, watched }: JobResult): FeaturesView {
  const { compared, different, causes } = watched.skew;
  const found = Object.entries(causes).filter(([, values]) => values > 0);
  return {
    online: deployed.parity,
    served: { values: compared, different, causes: found.map(([cause, values]) => ({ cause, values })) },
    streamed: served.streamed,
    drifted: watched.drifted.slice(0, shownDrifted),
  };
}

function lineageOf(result: JobResult | undefined): ConsoleState["lineage"] {
  const nodes: LineageNode[] = [{ id: "source", kind: "source", label: "flights-3m.parquet", detail: "vega-datasets" }];
  if (result !== undefined) {
    const { table, set, champion } = result;
    nodes.push(
      {
        id: "table",
        kind: "table",
        label: `${table.table}@${table.version}`,
        detail: `${table.rows.toLocaleString("en")} rows`,
      },
      {
        id: "features",
        kind: "features",
        label: `${Object.keys(set.views).length} feature views`,
        detail: `${set.features.length} features`,
      },
      {
        id: "set",
        kind: "training set",
        label: `${set.rows.toLocaleString("en")} rows`,
        detail: set.digest.slice(0, 23),
      },
      {
        id: "model",
        kind: "model",
        label: `${champion.name}/${champion.version}`,
        detail: champion.digest.slice(0, 23),
      },
      { id: "endpoint", kind: "endpoint", label: "/predict", detail: `${champion.name}@${champion.alias}` },
    );
  }
  const edges = nodes.slice(1).map((node, index) => ({ from: nodes[index]?.id ?? "", to: node.id }));
  return { nodes, edges };
}

function trafficOf(gateway: Gateway): ConsoleState["traffic"] {
  const routes = gateway.statistics().routes.filter(({ route }) => route === "/predict" || route.startsWith("/v2"));
  const sum = (pick: (route: (typeof routes)[number]) => number): number =>
    routes.reduce((total, route) => total + pick(route), 0);
  const requests = sum((route) => route.requests);
  const failures = sum(({ statuses }) => statuses["5xx"] ?? 0);
  const refused = sum(({ refusals }) => Object.values(refusals).reduce((a, b) => a + b, 0));
  const busiest = routes.toSorted((a, b) => b.requests - a.requests)[0];

  const at = Math.floor(Date.now() / 1000);
  const seen = traffic.get(gateway) ?? { last: { at, requests, failures }, samples: [] };
  const seconds = at - seen.last.at;
  if (seconds > 0) {
    seen.samples.push({
      at,
      requests: (requests - seen.last.requests) / seconds,
      failures: (failures - seen.last.failures) / seconds,
      p50Ms: busiest?.latencyMs.p50 ?? 0,
      p99Ms: busiest?.latencyMs.p99 ?? 0,
    });
    seen.samples.splice(0, seen.samples.length - keptSamples);
    seen.last = { at, requests, failures };
  }
  traffic.set(gateway, seen);
  return { total: requests, refused, samples: seen.samples };
}
