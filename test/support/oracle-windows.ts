import { timelinesOf } from "./oracle-timeline.ts";
import type { OracleMessage, OracleTime, TimelinePoint } from "./oracle-timeline.ts";

/** One result of a window, and why it came. */
export interface OracleResult {
  readonly start: number;
  readonly end: number;
  readonly revision: number;
  readonly cause: "early" | "close" | "late" | "withdrawn";
  readonly values: readonly number[];
}

export interface OracleWindows {
  /** Per device: the results in the order in which they come, by window. */
  readonly results: ReadonlyMap<string, readonly OracleResult[]>;
  readonly lateDropped: number;
  /** How many calls have thrown. */
  readonly failed: number;
}

/** Of which readings a window has no result: it throws. */
export type Fails = (values: readonly number[]) => boolean;

interface Reading {
  readonly ts: number;
  readonly value: number;
}

interface Kept {
  start: number;
  end: number;
  members: Reading[];
  closed: boolean;
  revision: number;
  early: { at: number; armed: boolean } | null;
}

/** When event time has come to `upTo` for a device: before a reading is taken, and again when it has moved the watermark. */
type Rule = (device: DeviceWindows, point: TimelinePoint | null, upTo: number) => void;

/** Windows of one device, as a list that is gone through again and again: nothing is found by name, nothing waits in a heap. */
export class DeviceWindows {
  live: Kept[] = [];
  results: OracleResult[] = [];
  dropped = 0;
  horizon = -Infinity;
  failed = 0;
  private readonly fails: Fails;

  constructor(fails: Fails) {
    this.fails = fails;
  }

  tell(window: Kept, cause: OracleResult["cause"]): void {
    const values = cause === "withdrawn" ? [] : window.members.map(({ value }) => value);
    if (cause !== "withdrawn" && this.fails(values)) {
      this.failed += 1;
      return;
    }
    this.results.push({ start: window.start, end: window.end, revision: window.revision, cause, values });
    window.revision += 1;
  }

  /** Of a reading all is taken back when something throws. */
  atomically(take: () => void): void {
    const { live, results, dropped, failed } = this;
    this.live = structuredClone(live);
    this.results = [...results];
    take();
    if (this.failed === failed) return;
    Object.assign(this, { live, results, dropped, failed: failed + 1 });
  }
}

function run(
  messages: readonly OracleMessage[],
  time: OracleTime,
  flushUpTo: number,
  settle: Rule,
  take: Rule,
  fails: Fails = () => false,
): OracleWindows {
  const results = new Map<string, readonly OracleResult[]>();
  let [lateDropped, failed] = [0, 0];
  for (const { device, points } of timelinesOf(messages, time, flushUpTo)) {
    const windows = new DeviceWindows(fails);
    for (const point of points) {
      settle(windows, null, Math.max(point.silence, point.watermark));
      settle(windows, null, Math.max(point.watermark, point.ts - time.outOfOrderMs));
      windows.atomically(() => take(windows, point, point.watermark));
    }
    settle(windows, null, Infinity);
    results.set(device, windows.results);
    lateDropped += windows.dropped;
    failed += windows.failed;
  }
  return { results, lateDropped, failed };
}

export interface AlignedOptions {
  readonly windowsOf: (ts: number) => readonly { readonly start: number; readonly end: number }[];
  readonly earlyMs: number | null;
  readonly latenessMs: number;
  readonly fails?: Fails;
}

/** Windows whose bounds are fixed: tumbling, hopping, calendar. */
export function alignedOracle(
  messages: readonly OracleMessage[],
  time: OracleTime,
  flushUpTo: number,
  { windowsOf, earlyMs, latenessMs, fails }: AlignedOptions,
): OracleWindows {
  const settle: Rule = (device, _, upTo) => {
    for (const window of device.live) {
      if (window.closed) continue;
      if (window.early?.armed === true && window.early.at <= upTo) {
        window.early.armed = false;
        device.tell(window, "early");
      }
      if (window.end > upTo) continue;
      window.closed = true;
      device.tell(window, "close");
    }
    letGo(
      device,
      (window) => window.closed && window.end + latenessMs <= upTo,
      (window) => window.end,
    );
  };
  const take: Rule = (device, point, watermark) => {
    const value = point?.values["x"];
    if (point === null || typeof value !== "number") return;
    let dropped = false;
    for (const { start, end } of windowsOf(point.ts)) {
      let window = device.live.find((one) => one.start === start && one.end === end);
      if (window === undefined) {
        if (end <= device.horizon || end + latenessMs <= watermark) {
          dropped = true;
          continue;
        }
        window = { start, end, members: [], closed: end <= watermark, revision: 0, early: null };
        device.live.push(window);
      }
      window.members.push({ ts: point.ts, value });
      if (window.closed) device.tell(window, "late");
      else if (earlyMs !== null && window.early?.armed !== true) {
        let at = start + earlyMs;
        while (at <= Math.max(watermark, window.early?.at ?? start)) at += earlyMs;
        window.early = { at, armed: at < end };
      }
    }
    if (dropped) device.dropped += 1;
  };
  return run(messages, time, flushUpTo, settle, take, fails);
}

/** Readings that are less than the gap apart, found by looking at the distance to every reading of every session. */
export function sessionOracle(
  messages: readonly OracleMessage[],
  time: OracleTime,
  flushUpTo: number,
  { gapMs, latenessMs, fails }: { readonly gapMs: number; readonly latenessMs: number; readonly fails?: Fails },
): OracleWindows {
  const settle: Rule = (device, _, upTo) => {
    for (const session of device.live) {
      if (session.closed || session.end - 1 + gapMs > upTo) continue;
      session.closed = true;
      device.tell(session, "close");
    }
    const over = (session: Kept) => session.closed && session.end - 1 + gapMs + latenessMs <= upTo;
    letGo(device, over, (session) => session.end - 1 + gapMs);
  };
  const take: Rule = (device, point, watermark) => {
    const value = point?.values["x"];
    if (point === null || typeof value !== "number") return;
    const { ts } = point;
    const near = device.live
      .filter(({ members }) => members.some((one) => Math.abs(one.ts - ts) < gapMs))
      .sort((a, b) => a.start - b.start);
    if (near.length === 0 && (ts < device.horizon || ts + gapMs + latenessMs <= watermark)) {
      device.dropped += 1;
      return;
    }
    const members = [...near.flatMap((session) => session.members), { ts, value }];
    const start = Math.min(...members.map((one) => one.ts));
    const end = Math.max(...members.map((one) => one.ts)) + 1;
    const staysClosed = near.length > 0 && near.every((session) => session.closed && session.end === end);
    const goesOn = near.find((session) => session.start === start);
    for (const session of near) if (session !== goesOn && session.revision > 0) device.tell(session, "withdrawn");
    const made: Kept = { start, end, members, closed: staysClosed, revision: goesOn?.revision ?? 0, early: null };
    device.live = [...device.live.filter((session) => !near.includes(session)), made];
    if (!staysClosed && end - 1 + gapMs > watermark) return;
    made.closed = true;
    device.tell(made, "late");
  };
  return run(messages, time, flushUpTo, settle, take, fails);
}

/** For each reading those that have come by then and lie in (ts − size, ts]. */
export function slidingOracle(
  messages: readonly OracleMessage[],
  time: OracleTime,
  flushUpTo: number,
  { sizeMs, latenessMs }: { readonly sizeMs: number; readonly latenessMs: number },
): OracleWindows {
  // What is kept together is let go together.
  const paneMs = Math.ceil(sizeMs / 16);
  const settle: Rule = (device, _, upTo) => {
    letGo(
      device,
      (pane) => pane.end + sizeMs + latenessMs <= upTo,
      (pane) => pane.end,
    );
  };
  const take: Rule = (device, point, watermark) => {
    const value = point?.values["x"];
    if (point === null || typeof value !== "number") return;
    const { ts } = point;
    if (ts + 1 + latenessMs <= watermark || ts - sizeMs + 1 < device.horizon) {
      device.dropped += 1;
      return;
    }
    const start = Math.floor(ts / paneMs) * paneMs;
    const pane = { start, end: start + paneMs, members: [{ ts, value }], closed: true, revision: 0, early: null };
    device.live.push(pane);
    const members = device.live
      .flatMap((one) => one.members)
      .filter((one) => one.ts > ts - sizeMs && one.ts <= ts)
      .toSorted((a, b) => a.ts - b.ts);
    device.tell({ ...pane, start: ts - sizeMs + 1, end: ts + 1, members }, "close");
  };
  return run(messages, time, flushUpTo, settle, take);
}

/** So many readings in the order of the log. */
export function countOracle(
  messages: readonly OracleMessage[],
  time: OracleTime,
  flushUpTo: number,
  readings: number,
): OracleWindows {
  let members: Reading[] = [];
  const take: Rule = (device, point) => {
    const value = point?.values["x"];
    if (point === null || typeof value !== "number") return;
    if (device.live.length === 0) members = [];
    device.live = [{ start: 0, end: 0, members, closed: false, revision: 0, early: null }];
    members.push({ ts: point.ts, value });
    if (members.length < readings) return;
    const times = members.map(({ ts }) => ts);
    const window = { start: Math.min(...times), end: Math.max(...times) + 1, members };
    device.tell({ ...window, closed: true, revision: 0, early: null }, "close");
    device.live = [];
  };
  return run(messages, time, flushUpTo, () => undefined, take);
}

function letGo(device: DeviceWindows, isOver: (window: Kept) => boolean, endOf: (window: Kept) => number): void {
  for (const window of device.live) if (isOver(window)) device.horizon = Math.max(device.horizon, endOf(window));
  device.live = device.live.filter((window) => !isOver(window));
}
