import type { Verdict } from "../core/verdict.ts";
import type { PartitionParts } from "./partition-parts.ts";

/** What its host decides of a partition, because it is known outside only. Each is a unit of its own, durable before anything depends on it. */

export function condemnCall({ verdicts, undo }: PartitionParts, verdict: Verdict): void {
  const { offset, step, call } = verdict;
  const standing = verdicts.value?.filter((one) => one.offset === offset) ?? [];
  if (standing.some((one) => one.step === step && one.call === call)) return;
  verdicts.set([...standing, verdict]);
  undo.clear();
}

/** `id`: name@version. */
export function stopCanary({ functions, undo }: PartitionParts, id: string): void {
  functions.stopCanary(id);
  undo.clear();
}
