import { Client } from "undici";
import type { Flight } from "../flights/june.ts";
import type { Client as Identity } from "../wire/identities.ts";

/** Answers so far. */
export interface Answers {
  /** Milliseconds each. */
  readonly latencies: number[];
  /** 1 where the flight was late. */
  readonly labels: number[];
  readonly probabilities: number[];
  errors: number;
}

/** Ids of requests: in the order of their text, from one on and below another. */
export interface RequestIds {
  readonly gte: string;
  readonly lt: string;
}

/** Clients that ask about flights over HTTPS, some at once. */
export interface Traffic extends AsyncDisposable {
  readonly answers: Answers;
  /** What every request made here is named by. */
  readonly ids: RequestIds;
  /** Asks about every flight, and waits for the answers. */
  ask(flights: readonly Flight[]): Promise<void>;
}

export interface TrafficOptions {
  /** Begins the id of every request; no other traffic may have it. */
  readonly name: string;
  readonly connections: number;
}

export function createTraffic({ origin, ca, token }: Identity, { name, connections }: TrafficOptions): Traffic {
  const clients = Array.from({ length: connections }, () => new Client(origin, { connect: { ca } }));
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  let asked = 0;
  const answers: Answers = { latencies: [], labels: [], probabilities: [], errors: 0 };

  async function askOne(client: Client, { at, late, ...flight }: Flight): Promise<void> {
    const started = performance.now();
    const id = `${name}/${String(asked++).padStart(8, "0")}`;
    const body = JSON.stringify({ flights: [{ ...flight, date: new Date(at).toISOString() }] });
    try {
      const response = await client.request({
        method: "POST",
        path: "/predict",
        headers: { ...headers, "x-request-id": id },
        body,
      });
      const answer = (await response.body.json()) as { predictions?: { late: number }[] };
      answers.latencies.push(performance.now() - started);
      const probability = answer.predictions?.[0]?.late;
      if (response.statusCode !== 200 || probability === undefined) answers.errors += 1;
      else {
        answers.labels.push(late ? 1 : 0);
        answers.probabilities.push(probability);
      }
    } catch {
      answers.errors += 1;
    }
  }

  return {
    answers,
    // "0" is the character after "/".
    ids: { gte: `${name}/`, lt: `${name}0` },
    async ask(flights) {
      const queue = [...flights];
      await Promise.all(
        clients.map(async (client) => {
          for (let flight = queue.shift(); flight !== undefined; flight = queue.shift()) await askOne(client, flight);
        }),
      );
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}
