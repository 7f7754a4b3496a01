const origin: unique symbol = Symbol("ashlar.handle");

/** Where a value comes from: the run's input, or the result of a step; `path` leads into it. */
export interface Origin {
  readonly step: string | undefined;
  readonly path: readonly string[];
}

/**
 * A value that will exist when the workflow runs. Its properties are handles too, so `rows.version` can be passed on.
 * It holds no data: using it in arithmetic or a condition while the workflow is being defined is a mistake.
 */
export type Handle<Value> = { readonly [origin]: Origin } & (Value extends object
  ? Value extends readonly unknown[]
    ? unknown
    : { readonly [Key in keyof Value & string]: Handle<Value[Key]> }
  : unknown) & { readonly __type?: (value: Value) => Value };

/** The handle of a whole step, which can also be waited for. */
export type StepHandle<Value> = Handle<Value> & { readonly stepName: string };

/** An argument of a step: plain data in which any part may be a handle. */
export type Argument<Value> =
  | Handle<Value>
  | (Value extends object ? { readonly [Key in keyof Value]: Argument<Value[Key]> } : Value);

/** What an argument stands for once the workflow runs: its handles replaced by their values. */
export type Resolved<Given> = Given extends {
  readonly [origin]: Origin;
  readonly __type?: (value: infer Value) => unknown;
}
  ? Value
  : Given extends object
    ? { -readonly [Key in keyof Given]: Resolved<Given[Key]> }
    : Given;

export function makeHandle<Value>(from: Origin): StepHandle<Value> {
  return new Proxy(Object.freeze({ [origin]: from }), {
    get(target, property) {
      if (property === origin) return target[origin];
      if (property === "stepName") return from.step;
      // A handle must not look like a promise: awaiting one would wait for ever.
      if (typeof property === "symbol" || property === "then" || property === "toJSON") return undefined;
      return makeHandle({ step: from.step, path: [...from.path, property] });
    },
  }) as never;
}

/** The origin of a handle; undefined for anything else. */
export function originOf(value: unknown): Origin | undefined {
  return typeof value === "object" && value !== null ? (value as { [origin]?: Origin })[origin] : undefined;
}

/** Calls `visit` for each handle in an argument. */
export function eachHandle(argument: unknown, visit: (from: Origin) => void): void {
  const from = originOf(argument);
  if (from !== undefined) return visit(from);
  if (isPlain(argument)) for (const part of Object.values(argument)) eachHandle(part, visit);
}

/** The argument with each handle replaced by the value it stands for. */
export function resolveArgument(argument: unknown, valueOf: (from: Origin) => unknown): unknown {
  const from = originOf(argument);
  if (from !== undefined) return valueOf(from);
  if (Array.isArray(argument)) return argument.map((part) => resolveArgument(part, valueOf));
  if (!isPlain(argument)) return argument;
  return Object.fromEntries(Object.entries(argument).map(([key, part]) => [key, resolveArgument(part, valueOf)]));
}

function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}
