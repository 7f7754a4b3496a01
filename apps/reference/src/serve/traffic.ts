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

/** Clients that ask about flights over HTTPS, some at once. */
export interface Traffic extends AsyncDisposable {
  readonly answers: Answers;
  /** Asks about every flight, and waits for the answers. */
  ask(flights: readonly Flight[]): Promise<void>;
}

export function createTraffic({ origin, ca, token }: Identity, connections: number): Traffic {
  const clients = Array.from({ length: connections }, () => new Client(origin, { connect: { ca } }));
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  const answers: Answers = { latencies: [], labels: [], probabilities: [], errors: 0 };

  async function askOne(client: Client, { at, late, ...flight }: Flight): Promise<void> {
    const started = performance.now();
    const body = JSON.stringify({ flights: [{ ...flight, date: new Date(at).toISOString() }] });
    try {
      const response = await client.request({ method: "POST", path: "/predict", headers, body });
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
