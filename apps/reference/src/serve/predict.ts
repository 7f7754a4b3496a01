import { randomUUID } from "node:crypto";
import type { InferenceServer } from "@ashlar/compute/inference";
import { isAshlarError } from "@ashlar/core";
import type { FeatureStore } from "@ashlar/feature-store";
import { referenceError } from "../errors.ts";
import { type flightViews, modelFeatures } from "../flights/features.ts";
import type { Champion } from "../job/register.ts";

type Store = FeatureStore<ReturnType<typeof flightViews>>;

/** What it takes to answer: features by key, and the model. */
export interface Serving {
  readonly store: Store;
  readonly inference: InferenceServer;
  readonly champion: Champion;
}

interface Flight {
  readonly origin: string;
  readonly destination: string;
  /** Miles. */
  readonly distance: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

const maxFlights = 1000;

const longestId = 128;

/**
 * `POST /predict`: `{ "flights": [{ origin, destination, distance, date }] }` in, the probability that each leaves more
 * than 15 minutes late out. Features are read by key, as they stand; how many were present is said with each answer. A read
 * has the id of its request in the feature log, the one of the header `x-request-id` or a new one.
 */
export function predictHandler(serving: () => Serving | undefined): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      const ready = serving();
      if (ready === undefined) throw referenceError("NOT_READY", { what: "The model" });
      const flights = readFlights(await request.json().catch(() => undefined));
      const given = request.headers.get("x-request-id") ?? "";
      const id = given !== "" && given.length <= longestId ? given : randomUUID();
      const answer = await predict(ready, { id, flights, signal: request.signal });
      return Response.json(answer, { headers: { "x-request-id": id } });
    } catch (error) {
      if (!isAshlarError(error)) throw error;
      return Response.json(error, { status: error.status });
    }
  };
}

interface Question {
  readonly id: string;
  readonly flights: readonly Flight[];
  readonly signal: AbortSignal;
}

async function predict({ store, inference, champion }: Serving, { id, flights, signal }: Question) {
  const read = await Promise.all(
    flights.map(({ origin, destination, distance, at }, index) =>
      store.readColumns({
        entities: [{ origin, destination, distance }],
        features: modelFeatures,
        at,
        requestId: index === 0 ? id : `${id}/${index}`,
        signal,
      }),
    ),
  );
  const width = read[0]?.names.length ?? 0;
  const input = new Float32Array(flights.length * width);
  // What is not there is NaN, as in training.
  read.forEach((features, row) => input.set(features.matrix(), row * width));
  const outputs = await inference.infer(
    champion.name,
    { features: { data: input, shape: [flights.length, width] } },
    { signal },
  );
  const probabilities = outputs["probability"]?.data as Float32Array;
  return {
    model: { name: champion.name, version: champion.version },
    predictions: flights.map((_, row) => ({
      late: probabilities[row],
      features: { present: presentIn(input.subarray(row * width, (row + 1) * width)), of: width },
    })),
  };
}

const presentIn = (features: Float32Array): number =>
  features.reduce((count, value) => (Number.isNaN(value) ? count : count + 1), 0);

/** @throws PREDICTION_INPUT_INVALID */
function readFlights(body: unknown): readonly Flight[] {
  const flights = (body as { flights?: unknown } | undefined)?.flights;
  if (!Array.isArray(flights) || flights.length === 0 || flights.length > maxFlights) {
    throw invalid("flights", `a list of 1 to ${maxFlights} flights`);
  }
  return flights.map((given: unknown, index) => {
    const flight = (typeof given === "object" && given !== null ? given : {}) as Record<string, unknown>;
    const { origin, destination, distance, date } = flight;
    if (!isAirport(origin)) throw invalid(`flights[${index}].origin`, "an airport code of three letters");
    if (!isAirport(destination)) throw invalid(`flights[${index}].destination`, "an airport code of three letters");
    if (!Number.isInteger(distance) || Number(distance) < 1 || Number(distance) > 12_000) {
      throw invalid(`flights[${index}].distance`, "miles, a whole number from 1 to 12000");
    }
    const at = typeof date === "string" && /Z$|[+-]\d\d:\d\d$/.test(date) ? Date.parse(date) : Number.NaN;
    if (Number.isNaN(at)) throw invalid(`flights[${index}].date`, "an ISO 8601 time with its zone");
    return { origin, destination, distance: Number(distance), at };
  });
}

function isAirport(value: unknown): value is string {
  return typeof value === "string" && /^[A-Z0-9]{3}$/.test(value);
}

function invalid(field: string, expected: string): Error {
  return referenceError("PREDICTION_INPUT_INVALID", { field, expected });
}
