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
    return boostedTreesModel({ ...common, baseScore: float("baseScore", parameters["baseScore"]), trees });
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
    const bias = Float32Array.from(list(`layers[${l}].bias`, fields["bias"]), (b) => float(`layers[${l}].bias`, b));
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
  const floatColumn = (key: string): number[] => Array.from(floats(`${name}.${key}`, fields[key], feature.length));
  const missingLeft = booleans(`${name}.missingLeft`, fields["missingLeft"], feature.length);
  feature.forEach((f, i) => {
    const inner = f >= 0;
    if (!Number.isInteger(f) || f < -1 || f >= features) throw invalid(`${name}.feature[${i}]`, f, "a feature or -1");
    // A child comes after its parent, so a walk down the tree ends.
    for (const child of [left[i]!, right[i]!]) {
      if (inner ? Number.isInteger(child) && child > i && child < feature.length : child === 0) continue;
      throw invalid(`${name}, child of node ${i}`, child, inner ? "a later node" : "0 in a leaf");
    }
  });
  if (feature.length === 0) throw invalid(name, "empty", "a tree of at least one node");
  return {
    feature,
    threshold: floatColumn("threshold"),
    missingLeft,
    left,
    right,
    value: floatColumn("value"),
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

/** A number that was changed on its way, by a database or a printer of shorter numbers, is seldom a float32 still. */
function float(name: string, value: unknown): number {
  const found = number(name, value);
  if (Math.fround(found) === found) return found;
  throw invalid(name, value, "exactly a float32");
}

function floats(name: string, value: unknown, length: number): Float32Array {
  return Float32Array.from(numbers(name, value, length), (entry, i) => float(`${name}[${i}]`, entry));
}

function booleans(name: string, value: unknown, length: number): boolean[] {
  const values = list(name, value);
  if (values.length !== length) throw invalid(name, `${values.length} values`, `${length} values`);
  return values.map((entry, i) => {
    if (typeof entry === "boolean") return entry;
    throw invalid(`${name}[${i}]`, entry, "true or false");
  });
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
