/** How one error code behaves: its HTTP status, whether trying again can help, and what it tells the reader. */
export interface ErrorDefinition<Details> {
  /** HTTP status a wire surface answers with. */
  readonly status: number;
  /** True when the same call may succeed later without a change by the caller. */
  readonly retryable: boolean;
  /** What was wrong, with which value, and what to do about it. */
  readonly message: (details: Details) => string;
}

/** An error table: one entry per code. Each package has exactly one, in its `errors.ts`. */
// The details differ per code, so the table can only be described with the widest parameter type.
export type ErrorTable = Readonly<Record<string, ErrorDefinition<never>>>;

type DetailsOf<Definition> = Definition extends ErrorDefinition<infer Details> ? Details : never;

const brand: unique symbol = Symbol.for("ashlar.error") as never;

/**
 * The base of every error an Ashlar package throws on purpose.
 *
 * Recognise it with {@link isAshlarError}, not `instanceof`: the brand is a registered symbol, so it holds across
 * two installed copies of this package and across realms.
 */
export class AshlarError<Code extends string = string> extends Error {
  readonly code: Code;
  /** The package that threw, e.g. `storage`. */
  readonly source: string;
  readonly status: number;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(init: {
    readonly code: Code;
    readonly source: string;
    readonly status: number;
    readonly retryable: boolean;
    readonly message: string;
    readonly details: Readonly<Record<string, unknown>>;
    readonly cause?: unknown;
  }) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = "AshlarError";
    this.code = init.code;
    this.source = init.source;
    this.status = init.status;
    this.retryable = init.retryable;
    this.details = init.details;
    Object.defineProperty(this, brand, { value: true });
  }

  /** The form that goes over the wire: no stack, no cause. */
  toJSON(): { code: Code; message: string; retryable: boolean; details: Readonly<Record<string, unknown>> } {
    return { code: this.code, message: this.message, retryable: this.retryable, details: this.details };
  }
}

/** True for an error of any Ashlar package; with `code`, only for that code. */
export function isAshlarError<Code extends string = string>(error: unknown, code?: Code): error is AshlarError<Code> {
  return (
    typeof error === "object" &&
    error !== null &&
    (error as { [brand]?: unknown })[brand] === true &&
    (code === undefined || (error as { code?: unknown }).code === code)
  );
}

/** Makes the errors of one table: `throw storageError("OBJECT_NOT_FOUND", { key })`. */
export type ErrorFactory<Table extends ErrorTable> = <Code extends keyof Table & string>(
  code: Code,
  details: DetailsOf<Table[Code]>,
  options?: { readonly cause?: unknown },
) => AshlarError<Code>;

/** Binds an error table to the package that owns it. */
export function errorFactory<const Table extends ErrorTable>(source: string, table: Table): ErrorFactory<Table> {
  return (code, details, options) => {
    const definition = table[code] as ErrorDefinition<unknown>;
    return new AshlarError({
      code,
      source,
      status: definition.status,
      retryable: definition.retryable,
      message: definition.message(details),
      details: details as Readonly<Record<string, unknown>>,
      ...(options?.cause === undefined ? {} : { cause: options.cause }),
    });
  };
}

/** Errors of the ports themselves: an implementation of a port throws these, so that callers need know only core. */
export const coreErrors = {
  OBJECT_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: (d: { key: string }): string =>
      `There is no object with the key "${d.key}". Check the key, or list its prefix to see what is there.`,
  },
  PRECONDITION_FAILED: {
    status: 412,
    retryable: false,
    message: (d: { key: string; expected: string; actual: string }): string =>
      `The object "${d.key}" was to be written only if ${d.expected}, but ${d.actual}. Read it again and decide anew.`,
  },
  INVALID_KEY: {
    status: 400,
    retryable: false,
    message: (d: { key: string; rule: string }): string =>
      `The object key ${JSON.stringify(d.key)} is not allowed: ${d.rule}. Use a relative, slash-separated key.`,
  },
  RANGE_NOT_SATISFIABLE: {
    status: 416,
    retryable: false,
    message: (d: { key: string; start: number; size: number }): string =>
      `A read of "${d.key}" from byte ${d.start} was asked for, but it has ${d.size} bytes. Ask for a start below its size.`,
  },
  SECRET_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: (d: { name: string }): string =>
      `There is no secret named "${d.name}". Create it in the secret source, or correct the name.`,
  },
  INVALID_CURSOR: {
    status: 400,
    retryable: false,
    message: (d: { cursor: string }): string =>
      `The cursor ${JSON.stringify(d.cursor)} was not made by this listing. Start again without a cursor.`,
  },
  DECRYPTION_FAILED: {
    status: 400,
    retryable: false,
    message: (d: { reason: string }): string =>
      `The data could not be decrypted: ${d.reason}. Check the key, the encryption context, and that the data is whole.`,
  },
  SCHEMA_TOO_NEW: {
    status: 500,
    retryable: false,
    message: (d: { path: string; component: string; found: number; known: number }): string =>
      `The database ${d.path} has version ${d.found} of the ${d.component} schema; this code knows ${d.known}. Upgrade the package; nothing was changed.`,
  },
  DATABASE_BUSY: {
    status: 503,
    retryable: true,
    message: (d: { path: string; waitedMs: number }): string =>
      `The database ${d.path} was locked by another process for ${d.waitedMs} ms. Try again; if it lasts, end what holds a transaction open.`,
  },
  DATABASE_UNUSABLE: {
    status: 500,
    retryable: false,
    message: (d: { path: string; reason: string }): string =>
      `The database ${d.path} cannot be used: ${d.reason}. Restore it or choose another path; nothing was overwritten.`,
  },
} as const;

/** @see coreErrors */
export const coreError: ErrorFactory<typeof coreErrors> = errorFactory("core", coreErrors);
