/** One level method, shaped as pino's: fields first, then the message; or the message alone. */
export interface LogMethod {
  (fields: Readonly<Record<string, unknown>>, message?: string): void;
  (message: string): void;
}

/** A logger shaped as pino's level methods, so that a pino instance is one. */
export interface Logger {
  debug: LogMethod;
  info: LogMethod;
  warn: LogMethod;
  error: LogMethod;
}

/** The default of every package: says nothing. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
