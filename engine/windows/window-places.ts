import type { Window, WindowLane } from "./window-lanes.ts";

/** Stands before the name of a timer that emits early. */
export const EARLY_TIMER = "early/";

/** A window in its lane, and the names under which a device keeps it. */
export class WindowPlace {
  readonly lane: WindowLane;
  readonly window: Window;
  readonly allowedLatenessMs: number;
  /** Of the timer that closes it, and then lets it go. */
  readonly timer: string;
  readonly earlyTimer: string;
  readonly slot: string;
  /** Of the slot that says how far windows of the lane have been let go; null for those of another lane of its name. */
  readonly horizon: string | null;

  constructor(lane: WindowLane, window: Window, allowedLatenessMs: number, isOther = false) {
    this.lane = lane;
    this.window = window;
    this.allowedLatenessMs = allowedLatenessMs;
    this.timer = `${lane.name}/${window.start}`;
    this.earlyTimer = EARLY_TIMER + this.timer;
    this.slot = `w/${this.timer}`;
    this.horizon = isOther ? null : `h/${lane.name}`;
  }
}

/** Devices of a fleet are in the same few windows at a time. */
const REMEMBERED = 16;

/** The places of late: names are made once for all devices, and are the same object in all of them, which takes less memory and is soon compared. */
export class WindowPlaces {
  private readonly places: WindowPlace[] = [];
  private readonly laneNamed: (name: string) => WindowLane | null;
  private next = 0;

  /** `laneNamed` also gives lanes that the type has no more. */
  constructor(laneNamed: (name: string) => WindowLane | null) {
    this.laneNamed = laneNamed;
  }

  of(lane: WindowLane, window: Window, allowedLatenessMs: number): WindowPlace {
    for (const place of this.places) {
      const isIt = place.window.start === window.start && place.lane.name === lane.name;
      if (isIt && place.allowedLatenessMs === allowedLatenessMs) return place;
    }
    return this.remember(new WindowPlace(lane, window, allowedLatenessMs));
  }

  /** Null when no window has a timer of this name. `at`: when it fires. */
  ofTimer(timer: string, at: number, allowedLatenessMs: number): WindowPlace | null {
    for (const place of this.places) {
      if (place.timer === timer && place.allowedLatenessMs === allowedLatenessMs) return place;
    }
    const [laneName = "", text = ""] = timer.split("/");
    const lane = this.laneNamed(laneName);
    const start = Number(text);
    if (lane === null || !Number.isSafeInteger(start)) return null;
    const window = lane.windowFrom(start);
    if (window !== null) return this.remember(new WindowPlace(lane, window, allowedLatenessMs));
    const other = lane.otherWindow?.(start, at);
    return other === undefined ? null : new WindowPlace(lane, other, allowedLatenessMs, true);
  }

  private remember(place: WindowPlace): WindowPlace {
    this.places[this.next] = place;
    this.next = (this.next + 1) % REMEMBERED;
    return place;
  }
}
