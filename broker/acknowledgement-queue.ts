/** The place of one message in its connection's order of acknowledgement. */
interface AcknowledgementPlace {
  /** The message is durable: acknowledge it as soon as all before it are. */
  accept(): void;
  /** The message will not be acknowledged: once all before it are, `refuse` runs, and nothing after it is ever acknowledged. */
  refuse(refuse: () => void): void;
}

/**
 * Keeps acknowledgements in the order of the messages [MQTT-4.6.0-2], although appends may settle in any order and aedes handles
 * the packets of a connection concurrently.
 */
export interface AcknowledgementQueue {
  enter(acknowledge: () => void): AcknowledgementPlace;
}

interface Waiting {
  release: (() => void) | null;
  readonly acknowledge: () => void;
  last: boolean;
}

export function createAcknowledgementQueue(): AcknowledgementQueue {
  let waiting: Waiting[] = [];
  let head = 0;
  let ended = false;

  function settle(entry: Waiting, release: () => void, last: boolean): void {
    entry.release = release;
    entry.last = last;
    while (!ended && head < waiting.length) {
      const first = waiting[head];
      if (first === undefined || first.release === null) return;
      head++;
      if (head === waiting.length) {
        waiting = [];
        head = 0;
      }
      ended = first.last;
      first.release();
    }
  }

  return {
    enter(acknowledge) {
      const entry: Waiting = { release: null, acknowledge, last: false };
      waiting.push(entry);
      return {
        accept: () => settle(entry, acknowledge, false),
        refuse: (refuse) => settle(entry, refuse, true),
      };
    },
  };
}
