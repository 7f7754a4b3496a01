/**
 * Chooses versions in the proportion of their weights, evenly spread: smooth weighted round robin, so that of every 100
 * requests at 90 to 10 exactly ten go to the second.
 *
 * @see the algorithm of nginx, commit "Upstream: smooth weighted round-robin balancing"
 */
export class TrafficSplit {
  readonly #weights: readonly (readonly [version: string, weight: number])[];
  readonly #credit: Map<string, number> = new Map();
  readonly #sum: number;

  constructor(weights: Readonly<Record<string, number>>) {
    this.#weights = Object.entries(weights).filter(([, weight]) => weight > 0);
    this.#sum = this.#weights.reduce((sum, [, weight]) => sum + weight, 0);
  }

  next(): string | undefined {
    let chosen: string | undefined;
    let most = Number.NEGATIVE_INFINITY;
    for (const [version, weight] of this.#weights) {
      const credit = (this.#credit.get(version) ?? 0) + weight;
      this.#credit.set(version, credit);
      if (credit <= most) continue;
      most = credit;
      chosen = version;
    }
    if (chosen !== undefined) this.#credit.set(chosen, most - this.#sum);
    return chosen;
  }
}
