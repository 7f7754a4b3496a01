/** Who wants to do what to which thing. Entity ids are written `Type::id`, e.g. `User::ada`, `Model::delay`. */
export interface AccessRequest {
  readonly principal: string;
  /** `Type::verb`, e.g. `Model::promote`. */
  readonly action: string;
  readonly resource: string;
  /** Facts of the request itself: address, time, strength of authentication. */
  readonly context?: Readonly<Record<string, unknown>>;
}

export interface Decision {
  readonly allowed: boolean;
  /** The policies that decided, by id. Empty when nothing matched, which denies. */
  readonly policies: readonly string[];
  /** A sentence for the person who was refused, or let in. */
  explain(): string;
}

/** Decides requests. Anything that goes wrong while deciding is a refusal. */
export interface Authorizer {
  decide(request: AccessRequest): Decision | Promise<Decision>;
}
