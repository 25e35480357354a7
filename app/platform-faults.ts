import { errorText } from "../core/errors.ts";
import { pause } from "../core/pause.ts";
import type { Clock } from "../core/clock.ts";
import type { LogStatus } from "../core/event-log.ts";
import type { FaultTransition } from "../core/fault.ts";
import type { Readiness, Service } from "../core/lifecycle.ts";
import type { Logger } from "../core/logger.ts";
import type { Fault } from "../core/overview.ts";

export interface FaultWatchOptions {
  /** Why each part cannot serve, by part. Rejections count as a part that does not answer. */
  readonly parts: Readonly<Record<string, () => Promise<readonly string[]>>>;
  status(): Promise<LogStatus>;
  /** Records behind, by consumer. */
  lags(status: LogStatus): Readonly<Record<string, number>>;
  readonly lagMax: number;
  /** Told once per change: a person is to hear of it. */
  onChange(fault: Fault, state: FaultTransition): void;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface FaultWatch extends Service, Readiness {
  faults(): readonly Fault[];
}

const LOOK_EVERY_MS = 1000;
/** A fault must last this long before a person is told: a restart of a part is not one. */
const SETTLE_MS = 5000;
const FULL_SHARE = 0.9;

/** Watches the platform itself: parts that cannot serve, consumers that fall behind, a log that fills up. */
export function createFaultWatch(options: FaultWatchOptions): FaultWatch {
  const { clock, logger } = options;
  const stopping = new AbortController();
  const seen = new Map<string, { fault: Fault; told: boolean }>();
  let reasons: readonly string[] = ["starting"];
  let running: Promise<void> = Promise.resolve();

  const look = async (): Promise<void> => {
    const found = new Map<string, string>();
    for (const [part, ask] of Object.entries(options.parts)) {
      const texts = await ask().catch((error: unknown) => [`${part} does not answer: ${errorText(error)}`]);
      texts.forEach((text, index) => found.set(index === 0 ? part : `${part}.${index}`, text));
    }
    reasons = [...found.values()];
    for (const [id, text] of logFaults(await options.status(), options)) found.set(id, text);
    settle(found);
  };

  const settle = (found: ReadonlyMap<string, string>): void => {
    const now = clock.now();
    for (const [id, text] of found) {
      const known = seen.get(id);
      const fault = { id, since: known?.fault.since ?? now, text };
      const told = known?.told ?? false;
      seen.set(id, { fault, told: told || now - fault.since >= SETTLE_MS });
      if (!told && now - fault.since >= SETTLE_MS) options.onChange(fault, "raised");
    }
    for (const [id, { fault, told }] of seen) {
      if (found.has(id)) continue;
      seen.delete(id);
      if (told) options.onChange(fault, "cleared");
    }
  };

  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await look().catch((error: unknown) =>
        logger.warn({ cause: errorText(error) }, "the platform could not be looked at"),
      );
      await pause(LOOK_EVERY_MS, stopping.signal);
    }
  };

  return {
    start() {
      running = loop();
      return Promise.resolve();
    },
    async stop() {
      stopping.abort();
      await running;
    },
    notReadyReasons: () => reasons,
    faults: () => [...seen.values()].filter(({ told }) => told).map(({ fault }) => fault),
  };
}

function logFaults(status: LogStatus, options: FaultWatchOptions): Map<string, string> {
  const found = new Map<string, string>();
  if (status.refusing !== null) found.set("log", `the log takes nothing more: ${status.refusing}`);
  else if (status.bytes > status.bytesMax * FULL_SHARE) {
    found.set(
      "log.space",
      `the log fills ${Math.round((100 * status.bytes) / status.bytesMax)} % of its ceiling of ${status.bytesMax} bytes`,
    );
  }
  for (const [consumer, lag] of Object.entries(options.lags(status))) {
    if (lag > options.lagMax) found.set(`lag.${consumer}`, `${consumer} is ${lag} records behind`);
  }
  return found;
}
