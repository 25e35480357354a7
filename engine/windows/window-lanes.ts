/** [start, end), event time, UTC ms. */
export interface Window {
  readonly start: number;
  readonly end: number;
}

/** A sequence of windows whose bounds follow from event time alone. */
export interface WindowLane {
  /** Stands in the names of slots and timers, and holds no slash. */
  readonly name: string;
  /** For people: how long its windows are. */
  readonly label: string;
  /** The windows that this time lies in, by their start. */
  windowsOf(ts: number): readonly Window[];
  /** Of the window that starts there. */
  endOf(start: number): number;
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
    endOf: (start) => start + sizeMs,
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
    endOf: (start) => start + sizeMs,
  };
}
