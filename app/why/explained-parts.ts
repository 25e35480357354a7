import { LIMITS } from "../../core/limits.ts";
import type { SourcePosition } from "../../core/source-position.ts";
import type { ExplainedMessage, Explanation } from "../../core/why.ts";

/** The first and the last of too many. */
export function shortened<One>(all: readonly One[]): readonly One[] {
  const max = LIMITS.whyMessagesMax;
  if (all.length <= max) return all;
  return [...all.slice(0, max / 2), ...all.slice(-max / 2)];
}

/** The record that made an output, as an explanation names it. */
export function sourceOf({ topic, partition, offset, step, index }: SourcePosition): Explanation["source"] {
  return { topic, partition, offset, step, index };
}

/** Over the causes among messages in the log's order. */
export function inputsOf(
  messages: readonly Pick<ExplainedMessage, "isCause" | "offset" | "received">[],
): Explanation["inputs"] {
  const causes = messages.filter(({ isCause }) => isCause);
  const [first, last] = [causes[0], causes.at(-1)];
  if (first === undefined || last === undefined) return null;
  return {
    fromOffset: first.offset,
    toOffset: last.offset,
    receivedFrom: first.received,
    receivedTo: last.received,
  };
}

/** The stack within this release is no part of what was computed. */
export function withoutPlace(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  return { ...value, stack: undefined };
}
