/** Structured log lines: an object of fields first, then a sentence. pino's shape, so that app can pass pino in. */
export interface Logger {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}

/** Drops everything: for tests and pure callers. */
export const silentLogger: Logger = {
  debug: drop,
  info: drop,
  warn: drop,
  error: drop,
};

function drop(): void {
  // A logger that keeps nothing is the point.
}
