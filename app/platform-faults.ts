import { errorText } from "../core/errors.ts";
import { untilAborted } from "../core/aborted.ts";
import { pause } from "../core/pause.ts";
import { within } from "./deadline.ts";
import type { Clock } from "../core/clock.ts";
import type { LogStatus } from "../core/event-log.ts";
import type { FaultTransition } from "../core/fault.ts";
import type { Readiness, Service } from "../core/lifecycle.ts";
import type { Logger } from "../core/logger.ts";
import type { Fault } from "../core/overview.ts";
import type { Backlog } from "./ledger/backlogs.ts";
import type { PartHealth } from "./part-health.ts";

export interface FaultWatchOptions {
  /** How each part stands, by part. One that rejects, or has not answered in time, does not answer. */
  readonly parts: Readonly<Record<string, () => Promise<PartHealth>>>;
  status(): Promise<LogStatus>;
  /** What each consumer has still to read. */
  backlogs(status: LogStatus): Readonly<Record<string, Backlog>>;
  readonly lagMax: number;
  /** What stands still although something waits for it, by consumer: see `StandingPartitions`. */
  standing(status: LogStatus, now: number): ReadonlyMap<string, string>;
  /** Told once per change: a person is to hear of it. What `happened` has no end. */
  onChange(fault: Fault, state: FaultTransition): void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a part may take to answer, and the pause between two looks. */
  readonly waitMs?: number;
  readonly pauseMs?: number;
}

export interface FaultWatch extends Service, Readiness {
  faults(): readonly Fault[];
}

/** What a look has found: why the instance is not ready, and the faults by id. */
interface Findings {
  readonly reasons: string[];
  readonly faults: Map<string, string>;
}

const PAUSE_MS = 1000;
const WAIT_MS = 3000;
/** A fault must last this long before a person is told: a restart of a part is not one. */
const SETTLE_MS = 5000;
const FULL_SHARE = 0.9;
/** Of the log's ceiling: who holds more than this back is named while there is time to do something. */
const HELD_SHARE = 0.25;

/** Watches the platform itself: parts that cannot serve or do not answer, consumers that fall behind, a log that fills up. */
export function createFaultWatch(options: FaultWatchOptions): FaultWatch {
  const { clock, logger, waitMs = WAIT_MS, pauseMs = PAUSE_MS } = options;
  const stopping = new AbortController();
  const seen = new Map<string, { fault: Fault; told: boolean }>();
  const toldEvents = new Map<string, number>();
  /** What each part said last: faults of one that does not answer are not over. */
  const known = new Map<string, Findings["faults"]>();
  let reasons: readonly string[] = ["starting"];
  let running: Promise<void> = Promise.resolve();

  const tell = (fault: Fault, state: FaultTransition): void => {
    logger.warn({ fault: fault.id, state }, fault.text);
    options.onChange(fault, state);
  };

  const ask = async (part: string, answer: () => Promise<Findings>): Promise<Findings> => {
    try {
      const findings = await within(answer(), waitMs, () => new Error(`nothing within ${waitMs} ms`));
      known.set(part, findings.faults);
      return findings;
    } catch (error) {
      const text = `${part} does not answer: ${errorText(error)}`;
      return { reasons: [text], faults: new Map([...(known.get(part) ?? []), [`${part}.unanswered`, text]]) };
    }
  };

  const look = async (): Promise<void> => {
    const found = await Promise.all([
      ...Object.entries(options.parts).map(([part, health]) => ask(part, async () => ofPart(part, await health()))),
      ask("log", async () => ofLog(await options.status(), options, clock.now())),
    ]);
    reasons = found.flatMap((one) => one.reasons);
    settle(new Map(found.flatMap(({ faults }) => [...faults])));
  };

  const ofPart = (part: string, { reasons: texts, faults: own, events }: PartHealth): Findings => {
    const faults = new Map(own.map(({ id, text }) => [`${part}.${id}`, text]));
    // A part that reports why by itself needs no second fault for the same; one that was told lasts as long as the reasons.
    if (texts.length > 0 && (own.length === 0 || seen.get(part)?.told === true)) faults.set(part, texts.join("; "));
    for (const { id, text, sequence } of events) {
      if (sequence <= (toldEvents.get(part) ?? 0)) continue;
      toldEvents.set(part, sequence);
      tell({ id: `${part}.${id}`, since: clock.now(), text }, "happened");
    }
    return { reasons: [...texts], faults };
  };

  const settle = (found: ReadonlyMap<string, string>): void => {
    const now = clock.now();
    for (const [id, text] of found) {
      const before = seen.get(id);
      const fault = { id, since: before?.fault.since ?? now, text };
      const told = before?.told ?? false;
      seen.set(id, { fault, told: told || now - fault.since >= SETTLE_MS });
      if (!told && now - fault.since >= SETTLE_MS) tell(fault, "raised");
    }
    for (const [id, { fault, told }] of seen) {
      if (found.has(id)) continue;
      seen.delete(id);
      if (told) tell(fault, "cleared");
    }
  };

  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await look();
      await pause(pauseMs, stopping.signal);
    }
  };

  return {
    start() {
      running = loop();
      return Promise.resolve();
    },
    async stop(signal) {
      stopping.abort();
      await untilAborted(running, signal);
    },
    notReadyReasons: () => reasons,
    faults: () => [...seen.values()].filter(({ told }) => told).map(({ fault }) => fault),
  };
}

function ofLog(status: LogStatus, { backlogs, lagMax, standing }: FaultWatchOptions, now: number): Findings {
  const faults = new Map<string, string>();
  const reasons: string[] = [];
  if (status.refusing !== null) {
    const text = `the log takes nothing more: ${status.refusing}`;
    reasons.push(text);
    faults.set("log", text);
  } else if (status.bytes > status.bytesMax * FULL_SHARE) {
    const percent = percentOf(status.bytes, status.bytesMax);
    faults.set("log.space", `the log fills ${percent} % of its ceiling of ${status.bytesMax} bytes`);
  }
  for (const [consumer, { records, bytes }] of Object.entries(backlogs(status))) {
    if (records > lagMax) faults.set(`lag.${consumer}`, `${consumer} is ${records} records behind`);
    if (bytes > status.bytesMax * HELD_SHARE) {
      const amount = `about ${Math.round(bytes)} bytes, ${percentOf(bytes, status.bytesMax)} % of the log's ceiling`;
      faults.set(
        `held.${consumer}`,
        `${consumer} has still to read ${amount}, and until then nothing of it is deleted: at the ceiling acknowledgements stop. See the other faults for why it stands; if users' functions are paused, deploy, roll back or undeploy`,
      );
    }
  }
  for (const [consumer, text] of standing(status, now)) faults.set(`stands.${consumer}`, text);
  return { reasons, faults };
}

function percentOf(part: number, whole: number): number {
  return Math.round((100 * part) / whole);
}
