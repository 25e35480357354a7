import type { Announcement } from "../gateway-link.ts";
import type { Round, Rounds } from "./rounds.ts";

/** Tells of devices (`tenant/device`) that are asked for here from now on, and no more. Null while nobody can be told. */
export type PublishAsks = (
  round: number,
  began: readonly string[],
  ceased: readonly string[],
) => Promise<number> | null;

/** The devices that this gateway asks for. What changes in one turn of the event loop is told at once. */
export interface OwnAsks {
  ask(key: string): Announcement;
  /** All of them, to gateways that know none; also when there are none, for it says that this gateway is there. */
  tellAll(publish: PublishAsks): void;
}

const KEYS_PER_MESSAGE = 1000;
/** Nobody waits for its end. */
const NO_ROUND = 0;

export function createOwnAsks(rounds: Rounds, publish: PublishAsks): OwnAsks {
  const asked = new Set<string>();
  let changed = new Set<string>();
  let open: Round | null = null;

  function tellChanged(round: Round): void {
    const keys = [...changed];
    changed = new Set();
    open = null;
    const began = keys.filter((key) => asked.has(key));
    const ceased = keys.filter((key) => !asked.has(key));
    // What is lost with the connection is told with the next one.
    round.run(publish(round.number, began, ceased));
  }

  function change(key: string): Promise<void> {
    changed.add(key);
    if (open === null) {
      const round = rounds.open();
      open = round;
      setImmediate(() => tellChanged(round));
    }
    return open.ended;
  }

  return {
    ask(key) {
      asked.add(key);
      return {
        heard: change(key),
        end() {
          asked.delete(key);
          void change(key);
        },
      };
    },
    tellAll(publishTo) {
      const keys = [...asked];
      do {
        publishTo(NO_ROUND, keys.splice(0, KEYS_PER_MESSAGE), [])?.catch(() => undefined);
      } while (keys.length > 0);
    },
  };
}
