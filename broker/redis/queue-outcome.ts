import { z } from "zod";
import type { QueueOutcome, QueueTaker, QueueTarget } from "../session/session-store.ts";

/** What the script `enqueue` takes of a target: how many may have the message, then client and QoS of each. */
export function candidatesOf({ client, qos, others = [] }: QueueTarget): readonly string[] {
  const named = [{ client, qos }, ...others].flatMap((one) => [one.client, String(one.qos)]);
  return [String(1 + others.length), ...named];
}

/** How many made room, then for each target which candidate has taken it: the first is 1. */
const answerSchema = z.tuple([z.number()], z.number());
/** In place of a candidate. */
const FULL = 0;
const ABSENT = -1;

/** What the script has answered, called once or more for all of the targets. */
export function outcomeOf(targets: readonly QueueTarget[], answers: readonly unknown[]): QueueOutcome {
  const parsed = answers.map((answer) => answerSchema.parse(answer));
  const places = parsed.flatMap(([, ...ofTargets]) => ofTargets);
  return {
    takers: targets.map((target, index) => takerOf(target, places[index] ?? ABSENT)),
    expired: parsed.reduce((sum, [expired]) => sum + expired, 0),
  };
}

function takerOf({ client, others = [] }: QueueTarget, place: number): QueueTaker {
  if (place === FULL) return "full";
  const taker = place === 1 ? client : others[place - 2]?.client;
  return taker === undefined ? "absent" : { client: taker };
}
