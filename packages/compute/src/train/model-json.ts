import { computeError } from "../errors.ts";
import { boostedTreesModel, type ValueTree } from "./boosted-trees-model.ts";
import { type DenseLayer, denseModel } from "./dense-model.ts";
import { logisticModel } from "./logistic.ts";
import type { TrainedModel } from "./model.ts";
import type { TrainingSummary } from "./summary.ts";

type Fields = Readonly<Record<string, unknown>>;

/**
 * The model that `toJSON()` was called on: it predicts the same bits and exports the same bytes.
 *
 * @throws MODEL_JSON_INVALID
 */
export function modelFromJson(json: unknown): TrainedModel {
  const fields = object("the model", json);
  if (fields["format"] !== "ashlar-model-1") throw invalid("format", fields["format"], '"ashlar-model-1"');
  const features = strings("features", fields["features"]);
  const label = fields["label"];
  if (typeof label !== "string") throw invalid("label", label, "a text");
  const parameters = object("parameters", fields["parameters"]);
  const common = { features, label, summary: readSummary(object("summary", fields["summary"])) };

  if (fields["kind"] === "boosted-trees") {
    const trees = list("trees", parameters["trees"]).map((tree, t) => readTree(`trees[${t}]`, tree, features.length));
    return boostedTreesModel({ ...common, baseScore: number("baseScore", parameters["baseScore"]), trees });
  }
  const standardization = {
    mean: floats("mean", parameters["mean"], features.length),
    scale: floats("scale", parameters["scale"], features.length),
  };
  const layers = readLayers(list("layers", parameters["layers"]), features.length);
  if (fields["kind"] === "mlp") return denseModel({ ...common, kind: "mlp", standardization, layers });
  if (fields["kind"] === "logistic-regression") {
    return logisticModel({ ...common, kind: "logistic-regression", standardization, layers });
  }
  throw invalid("kind", fields["kind"], "boosted-trees, logistic-regression or mlp");
}

function readSummary(fields: Fields): TrainingSummary {
  return {
    rounds: number("summary.rounds", fields["rounds"]),
    rows: number("summary.rows", fields["rows"]),
    losses: numbers("summary.losses", fields["losses"]),
    validationLosses: numbers("summary.validationLosses", fields["validationLosses"]),
    seconds: number("summary.seconds", fields["seconds"]),
  };
}

function readLayers(layers: readonly unknown[], features: number): DenseLayer[] {
  let inputs = features;
  const read = layers.map((layer, l) => {
    const fields = object(`layers[${l}]`, layer);
    const bias = Float32Array.from(numbers(`layers[${l}].bias`, fields["bias"]));
    const weights = floats(`layers[${l}].weights`, fields["weights"], inputs * bias.length);
    inputs = bias.length;
    return { weights, bias };
  });
  if (read.length === 0 || inputs !== 1)
    throw invalid("layers", `${read.length} layers`, "layers that end in one score");
  return read;
}

function readTree(name: string, value: unknown, features: number): ValueTree {
  const fields = object(name, value);
  const feature = numbers(`${name}.feature`, fields["feature"]);
  const column = (key: string): number[] => numbers(`${name}.${key}`, fields[key], feature.length);
  const left = column("left");
  const right = column("right");
  const missing = list(`${name}.missingLeft`, fields["missingLeft"]);
  feature.forEach((f, i) => {
    const inner = f >= 0;
    if (!Number.isInteger(f) || f < -1 || f >= features) throw invalid(`${name}.feature[${i}]`, f, "a feature or -1");
    // A child comes after its parent, so a walk down the tree ends.
    for (const child of inner ? [left[i]!, right[i]!] : []) {
      if (Number.isInteger(child) && child > i && child < feature.length) continue;
      throw invalid(`${name}, child of node ${i}`, child, "a later node");
    }
  });
  if (feature.length === 0) throw invalid(name, "empty", "a tree of at least one node");
  return {
    feature,
    threshold: column("threshold"),
    missingLeft: feature.map((_, i) => missing[i] === true),
    left,
    right,
    value: column("value"),
    gain: column("gain"),
  };
}

function object(name: string, value: unknown): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalid(name, value, "an object");
}

function list(name: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalid(name, value, "a list");
}

function number(name: string, value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw invalid(name, value, "a finite number");
}

function numbers(name: string, value: unknown, length?: number): number[] {
  const values = list(name, value).map((entry, i) => number(`${name}[${i}]`, entry));
  if (length === undefined || values.length === length) return values;
  throw invalid(name, `${values.length} numbers`, `${length} numbers`);
}

function floats(name: string, value: unknown, length: number): Float32Array {
  return Float32Array.from(numbers(name, value, length));
}

function strings(name: string, value: unknown): string[] {
  return list(name, value).map((entry, i) => {
    if (typeof entry === "string") return entry;
    throw invalid(`${name}[${i}]`, entry, "a text");
  });
}

function invalid(name: string, value: unknown, rule: string): Error {
  const shown = typeof value === "object" ? "an object" : String(value);
  return computeError("MODEL_JSON_INVALID", { what: `${name} is ${shown}`, rule: `it must be ${rule}` });
}
