/** Every long-lived thing. `stop` ends intake, drains in order, and when `signal` aborts lets go at once. Both are called once. */
export interface Service {
  start(): Promise<void>;
  stop(signal: AbortSignal): Promise<void>;
}

/** Why a part cannot serve now, for `/readyz`; an empty list means ready. Called often: no I/O. */
export interface Readiness {
  notReadyReasons(): readonly string[];
}
