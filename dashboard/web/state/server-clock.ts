import { type ReadonlySignal, signal } from "@preact/signals";

export interface ServerClock {
  /** The server's time, UTC ms, to the second or so: ages count by it, so that a wrong browser clock makes nothing look stale. */
  readonly now: ReadonlySignal<number>;
  /** Takes a time that the server just sent. */
  synchronise(at: number): void;
}

export function createServerClock(): ServerClock {
  let offset = 0;
  const now = signal(Date.now());
  const tick = () => (now.value = Date.now() + offset);
  setInterval(tick, 1000);
  return {
    now,
    synchronise(at) {
      // Small differences are the network's; following them would make ages jump.
      if (Math.abs(Date.now() + offset - at) > 1500) offset = at - Date.now();
      tick();
    },
  };
}
