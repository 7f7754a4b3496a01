import { expect, it } from "vitest";
import { Network } from "./mlp-network.ts";
import { seededRandom } from "./random.ts";

it("has the gradient that central differences give", () => {
  const random = seededRandom(3);
  const rows = 7;
  const network = new Network([3, 6, 5, 1], rows);
  const parameters = Float64Array.from({ length: network.parameters }, () => random() * 2 - 1);
  const labels = Uint8Array.from({ length: rows }, () => Math.round(random()));
  network.input.set(Float64Array.from({ length: rows * 3 }, () => random() * 2 - 1));

  const gradient = new Float64Array(network.parameters);
  network.addGradient(parameters, labels, rows, gradient);
  const lossAt = (i: number, change: number): number =>
    network.addGradient(
      parameters.with(i, parameters[i]! + change),
      labels,
      rows,
      new Float64Array(network.parameters),
    );
  const step = 1e-5;
  gradient.forEach((slope, i) => {
    const measured = (lossAt(i, step) - lossAt(i, -step)) / (2 * step);
    expect(Math.abs(measured - slope)).toBeLessThanOrEqual(1e-4 * Math.max(1e-2, Math.abs(slope)));
  });
});
