import { featureStoreError } from "../errors.ts";
import { type About, about, type AboutOptions } from "./about.ts";
import { contentHash } from "./content-hash.ts";
import { assertName } from "./name.ts";
import { type Shape, type Transform, transformer } from "./transform.ts";
import { scalarTypes, type Value } from "./value-type.ts";

/** Features computed from the request alone by one pure function, the same offline and online. */
export interface OnDemandView<Name extends string = string, Input extends Shape = Shape, Output extends Shape = Shape> {
  readonly kind: "on-demand";
  readonly name: Name;
  readonly input: Input;
  readonly output: Output;
  /** Runs the function on one row and checks what it returns. */
  readonly apply: (input: Readonly<Record<string, Value>>) => Readonly<Record<string, Value | null>>;
  readonly about: About;
  /** The content hash of the definition, the function's source text included: its version. */
  readonly version: string;
}

/**
 * Defines features of the request: `onDemand({ name: "calendar", input: { at: "timestamp" }, output: { hour: "int32" },
 * compute: ({ at }) => ({ hour: hourOf(at) }) })`. An input named `at` of type timestamp is the time of asking where none
 * is given. When an input is null all outputs are null and `compute` is not called.
 *
 * @throws DEFINITION_INVALID for a bad name or type, or no output
 */
export function onDemand<const Name extends string, const Input extends Shape, const Output extends Shape>(
  options: AboutOptions & Transform<Name, Input, Output>,
): OnDemandView<Name, Input, Output> {
  const { name, input, output } = options;
  assertName("An on-demand view", name);
  const of = `The on-demand view "${name}"`;
  if (Object.keys(output).length === 0) {
    throw featureStoreError("DEFINITION_INVALID", { of, value: output, rule: "a view has at least one output" });
  }
  for (const output_ of Object.keys(output)) assertName(`An output of "${name}"`, output_);
  for (const type of [...Object.values(input), ...Object.values(output)]) {
    if (!scalarTypes.includes(type)) {
      throw featureStoreError("DEFINITION_INVALID", {
        of,
        value: type,
        rule: `a type is one of ${scalarTypes.join(", ")}`,
      });
    }
  }
  const version = contentHash({ kind: "on-demand", name, input, output, compute: options.compute.toString() });
  return { kind: "on-demand", name, input, output, apply: transformer(options), about: about(of, options), version };
}
