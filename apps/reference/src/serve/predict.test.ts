import { describe, expect, test } from "vitest";
import { referenceError } from "../errors.ts";
import { predictHandler, type Serving } from "./predict.ts";

const flight = { origin: "ORD", destination: "LGA", distance: 733, date: "2001-06-30T22:00:00Z" };

async function ask(body: unknown, serving: () => Serving | undefined): Promise<{ status: number; json: unknown }> {
  const request = new Request("https://localhost/predict", {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const response = await predictHandler(serving)(request);
  return { status: response.status, json: await response.json() };
}

test("says that it is not ready until a model serves", async () => {
  expect(await ask({ flights: [flight] }, () => undefined)).toMatchObject({
    status: 503,
    json: { code: "NOT_READY" },
  });
});

describe("input", () => {
  // Whoever gets as far as the features has given something valid.
  const reached = referenceError("NOT_READY", { what: "The store" });
  const readColumns: Serving["store"]["readColumns"] = async () => Promise.reject(reached);
  const serving = { store: { readColumns } as Serving["store"] } as Serving;
  const checked = (body: unknown) => ask(body, () => serving);

  test.each([
    ["flights", null],
    ["flights", []],
    ["flights", { flights: {} }],
    ["flights", "["],
    ["flights", { flights: [] }],
    ["flights", { flights: Array.from({ length: 1001 }, () => flight) }],
    ["flights[0].origin", { flights: [null] }],
    ["flights[0].origin", { flights: [{ ...flight, origin: "ORDX" }] }],
    ["flights[0].origin", { flights: [{ ...flight, origin: ["ORD"] }] }],
    ["flights[1].destination", { flights: [flight, { ...flight, destination: "'; --" }] }],
    ["flights[0].distance", { flights: [{ ...flight, distance: 0 }] }],
    ["flights[0].distance", { flights: [{ ...flight, distance: "733" }] }],
    ["flights[0].distance", { flights: [{ ...flight, distance: 12_001 }] }],
    ["flights[0].date", { flights: [{ ...flight, date: "tomorrow" }] }],
    ["flights[0].date", { flights: [{ ...flight, date: "2001-06-30T22:00:00" }] }],
    ["flights[0].date", { flights: [{ ...flight, date: "2001-13-30T22:00:00Z" }] }],
    ["flights[0].date", { flights: [{ ...flight, date: 993_938_400_000 }] }],
  ])("that is wrong in %s is refused: %j", async (field, body) => {
    const { status, json } = await checked(body);
    expect(status).toBe(400);
    expect(json).toMatchObject({ code: "PREDICTION_INPUT_INVALID", details: { field } });
  });

  test.each(["2001-06-30T22:00:00Z", "2001-06-30T17:00:00-05:00", "2001-06-30T22:00:00.250Z"])(
    "with the date %s is taken",
    async (date) => {
      expect(await checked({ flights: [{ ...flight, date }] })).toMatchObject({ status: 503 });
    },
  );
});
