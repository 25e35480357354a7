/** [start, end), event time, UTC ms. */
export interface Window {
  readonly start: number;
  readonly end: number;
  /** What stands for its length where not all windows of the lane are equally long. */
  readonly nominalMs?: number;
}

/** A sequence of windows whose bounds follow from event time alone. */
export interface WindowLane {
  /** Stands in the names of slots and timers, and holds no slash. */
  readonly name: string;
  /** For people: how long its windows are. */
  readonly label: string;
  /** The windows that this time lies in, by their start. */
  windowsOf(ts: number): readonly Window[];
  /** The window that starts there; null when none of the lane does. */
  windowFrom(start: number): Window | null;
  /** Where names do not tell lanes apart: a window of another lane of this name, whose end is known of its timer. */
  otherWindow?(start: number, end: number): Window;
}

/** The lane of tumbling or hopping windows that has this name; null for all other names. */
export function laneNamed(name: string): WindowLane | null {
  const [size, hop] = /^\d+(\+\d+)?$/.test(name) ? name.split("+").map(Number) : [];
  if (!isLength(size)) return null;
  if (hop === undefined) return tumblingLane(size);
  return isLength(hop) ? hoppingLane(size, hop) : null;
}

function isLength(ms: number | undefined): ms is number {
  return Number.isSafeInteger(ms) && ms !== 0;
}

/** Windows of one size, one after the other, counted from 1970, UTC. */
export function tumblingLane(sizeMs: number): WindowLane {
  return {
    name: String(sizeMs),
    label: `${sizeMs / 1000} s`,
    windowsOf(ts) {
      const start = Math.floor(ts / sizeMs) * sizeMs;
      return [{ start, end: start + sizeMs }];
    },
    windowFrom: (start) => ({ start, end: start + sizeMs }),
  };
}

/** Windows of one size that begin every `hopMs`, so that a reading lies in several of them. */
export function hoppingLane(sizeMs: number, hopMs: number): WindowLane {
  return {
    name: `${sizeMs}+${hopMs}`,
    label: `${sizeMs / 1000} s every ${hopMs / 1000} s`,
    windowsOf(ts) {
      const windows: Window[] = [];
      const last = Math.floor(ts / hopMs) * hopMs;
      const first = (Math.floor((ts - sizeMs) / hopMs) + 1) * hopMs;
      for (let start = first; start <= last; start += hopMs) windows.push({ start, end: start + sizeMs });
      return windows;
    },
    windowFrom: (start) => ({ start, end: start + sizeMs }),
  };
}
