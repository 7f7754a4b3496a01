import { type AuditEvent, type AuditSink, type Authorizer, type Clock, type Decision, systemClock } from "@ashlar/core";
import { securityError } from "../errors.ts";

/** What a call is, to the authorizer and in the audit log. */
export interface GuardedAction {
  /** `Type::verb`. */
  readonly action: string;
  /** `Type::id`. */
  readonly resource: string;
  /** Facts for the policies. @default {} */
  readonly context?: Readonly<Record<string, unknown>>;
  /** Facts for the audit log; never secrets. @default {} */
  readonly details?: Readonly<Record<string, unknown>>;
}

type Method = (...args: never[]) => unknown;

/** Methods whose results are streamed item by item; a web stream is handed over as a whole. */
type Iterates<M extends Method> =
  ReturnType<M> extends ReadableStream ? false : ReturnType<M> extends AsyncIterable<unknown> ? true : false;

/** The rule of a method that gives an async iterable: made with {@link iterated}. */
export interface IteratedRule<Args extends readonly unknown[]> {
  readonly iterated: (...args: Args) => GuardedAction;
}

/** For methods that give an async iterable: the decision is made when iteration begins. */
export function iterated<Args extends readonly unknown[]>(
  describe: (...args: Args) => GuardedAction,
): IteratedRule<Args> {
  return { iterated: describe };
}

/** For each method that may be called, what a call of it is. */
export type GuardedActions<Service> = {
  readonly [Name in keyof Service as Service[Name] extends Method ? Name : never]?: Service[Name] extends Method
    ? Iterates<Service[Name]> extends true
      ? IteratedRule<Parameters<Service[Name]>>
      : (...args: Parameters<Service[Name]>) => GuardedAction
    : never;
};

/** The methods of a service; those that gave a value give a promise of it, for the decision takes time. */
export type Guarded<Service> = {
  readonly [Name in keyof Service as Service[Name] extends Method ? Name : never]: Service[Name] extends Method
    ? Iterates<Service[Name]> extends true
      ? Service[Name]
      : (...args: Parameters<Service[Name]>) => Promise<Awaited<ReturnType<Service[Name]>>>
    : never;
};

export interface GuardOptions<Service> {
  readonly authorizer: Authorizer;
  readonly audit: AuditSink;
  /** Who calls: `Type::id`, or a function that tells it for each call. */
  readonly principal: string | (() => string);
  /** Methods that are not named here are refused. */
  readonly actions: GuardedActions<Service>;
  /** @default the system clock */
  readonly clock?: Clock;
}

/**
 * A service that decides, records, acts, and records again. What is not recorded is not done. Its own state (`close`,
 * disposal, plain properties) is not passed on: whoever made the service keeps it.
 *
 * Its methods throw ACCESS_DENIED when the call is refused; AUDIT_UNAVAILABLE when the decision could not be recorded,
 * and so nothing was done; AUDIT_INCOMPLETE when the call ran and its outcome could not be recorded.
 */
export function guarded<Service extends object>(service: Service, options: GuardOptions<Service>): Guarded<Service> {
  const methods: Record<string, (...args: unknown[]) => unknown> = {};
  for (const name of methodNames(service)) methods[name] = guardedMethod(service, { name, ...options });
  return Object.freeze(methods) as Guarded<Service>;
}

type AnyRule = ((...args: unknown[]) => GuardedAction) | IteratedRule<unknown[]>;

function guardedMethod<Service extends object>(
  service: Service,
  { name, actions, ...options }: GuardOptions<Service> & { name: string },
): (...args: unknown[]) => unknown {
  const rule = new Map<string, AnyRule>(Object.entries(actions)).get(name);
  const call = (args: unknown[]): unknown =>
    (service as Record<string, (...args: unknown[]) => unknown>)[name]?.(...args);
  const guard = new Guard({ ...options, method: name });
  if (typeof rule === "object") {
    return async function* (...args) {
      const action = await guard.enter(rule.iterated(...args));
      let outcome: "succeeded" | "failed" = "succeeded";
      try {
        yield* call(args) as AsyncIterable<unknown>;
      } catch (error) {
        outcome = "failed";
        throw error;
      } finally {
        await guard.leave(action, outcome);
      }
    };
  }
  return async (...args) => {
    const action = await guard.enter(rule?.(...args));
    let result: unknown;
    try {
      result = await call(args);
    } catch (error) {
      await guard.leave(action, "failed", error);
      throw error;
    }
    await guard.leave(action, "succeeded");
    return result;
  };
}

class Guard {
  readonly #options: Omit<GuardOptions<object>, "actions"> & { readonly method: string };

  constructor(options: Omit<GuardOptions<object>, "actions"> & { readonly method: string }) {
    this.#options = options;
  }

  /** Decides and records; gives the call that may now be made. */
  async enter(described: GuardedAction | undefined): Promise<GuardedAction & { principal: string }> {
    const { authorizer, method } = this.#options;
    const principal = this.#principal();
    if (described === undefined) {
      const unnamed = { action: `Service::${method}`, resource: "Service::guarded", principal };
      return this.#refuse(unnamed, { policies: [], explanation: `The method ${method} is not opened by the guard.` });
    }
    const action = { ...described, principal };
    const { resource, context = {} } = described;
    let decision: Decision;
    try {
      decision = await authorizer.decide({ principal, action: described.action, resource, context });
    } catch (error) {
      return this.#refuse(action, { policies: [], explanation: `The decision failed: ${(error as Error).message}.` });
    }
    const { policies } = decision;
    if (decision.allowed !== true) return this.#refuse(action, { policies, explanation: decision.explain() });
    await this.#record(action, "allowed", { policies }).catch((cause: unknown) => {
      throw securityError("AUDIT_UNAVAILABLE", { reason: (cause as Error).message }, { cause });
    });
    return action;
  }

  async leave(
    action: GuardedAction & { principal: string },
    outcome: "succeeded" | "failed",
    error?: unknown,
  ): Promise<void> {
    // The code, and not the message: a message may quote what must not be in a log.
    const code = (error as { code?: unknown } | undefined)?.code;
    await this.#record(action, outcome, typeof code === "string" ? { error: code } : {}).catch((cause: unknown) => {
      throw securityError("AUDIT_INCOMPLETE", { action: action.action, resource: action.resource, outcome }, { cause });
    });
  }

  #principal(): string {
    const { principal } = this.#options;
    return typeof principal === "function" ? principal() : principal;
  }

  async #refuse(
    action: GuardedAction & { principal: string },
    { policies, explanation }: { policies: readonly string[]; explanation: string },
  ): Promise<never> {
    const { principal, resource } = action;
    const details = { principal, action: action.action, resource, explanation };
    let cause: unknown;
    // Refused it stays, even when the refusal cannot be recorded.
    await this.#record(action, "refused", { policies, explanation }).catch((error: unknown) => (cause = error));
    throw securityError("ACCESS_DENIED", details, cause === undefined ? {} : { cause });
  }

  async #record(
    { principal, action, resource, details = {} }: GuardedAction & { principal: string },
    outcome: AuditEvent["outcome"],
    facts: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const { audit, clock = systemClock, method } = this.#options;
    const at = Math.floor(clock.now());
    await audit.append({ principal, action, resource, outcome, at, details: { ...details, ...facts, method } });
  }
}

/** The names of all methods, also those of a class. */
function methodNames(service: object): Set<string> {
  const names = new Set<string>();
  for (let level: object = service; level !== Object.prototype && level !== null;) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (typeof value === "function" && name !== "constructor" && name !== "then") names.add(name);
    }
    level = Object.getPrototypeOf(level) as object;
  }
  return names;
}
