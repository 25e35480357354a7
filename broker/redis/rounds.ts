/** Something that all other gateways are told, and acknowledge. */
export interface Round {
  readonly number: number;
  /** Resolves when all have acknowledged, cannot be told, or took too long. Never rejects. */
  readonly ended: Promise<void>;
  /** `publish` resolves with how many gateways were told, this one included. Null while they cannot be told. */
  run(publish: Promise<number> | null): void;
}

export interface Rounds {
  open(): Round;
  /** Another gateway has acknowledged this round. */
  acknowledged(number: number): void;
  /** Nobody acknowledges any more what was told so far. */
  linkLost(): void;
}

interface Running {
  acknowledgements: number;
  /** Null until Redis has said how many there are. */
  expected: number | null;
  readonly end: () => void;
}

/** A gateway that does not acknowledge holds a round up for `waitMsMax`, and no longer: that round is late. */
export function createRounds(waitMsMax: number, onLate: () => void): Rounds {
  const running = new Map<number, Running>();
  let newest = 0;

  function check({ acknowledgements, expected, end }: Running): void {
    if (expected !== null && acknowledgements >= expected) end();
  }

  async function run(round: Running, publish: Promise<number> | null): Promise<void> {
    try {
      const told = await publish;
      round.expected = told === null ? 0 : told - 1;
      check(round);
    } catch {
      // The connection is lost, which is told elsewhere.
      round.end();
    }
  }

  return {
    open() {
      const number = ++newest;
      const { promise, resolve } = Promise.withResolvers<void>();
      let timer: NodeJS.Timeout | undefined;
      const end = (): void => {
        clearTimeout(timer);
        running.delete(number);
        resolve();
      };
      const round: Running = { acknowledgements: 0, expected: null, end };
      running.set(number, round);
      return {
        number,
        ended: promise,
        run(publish) {
          timer = setTimeout(() => {
            onLate();
            end();
          }, waitMsMax);
          void run(round, publish);
        },
      };
    },
    acknowledged(number) {
      const round = running.get(number);
      if (round === undefined) return;
      round.acknowledgements++;
      check(round);
    },
    linkLost() {
      for (const { end } of running.values()) end();
    },
  };
}
