export type ModelItem =
  | { readonly offset: number; readonly damage: true }
  | { readonly offset: number; readonly claim: true }
  | {
      readonly offset: number;
      readonly epoch: number;
      readonly number: number;
      readonly kind: "unit" | "snapshot";
      readonly complete: boolean;
    };

type Entry = Extract<ModelItem, { readonly epoch: number }>;

export interface ModelRestore {
  readonly offsets: number[];
  readonly damaged: boolean;
  readonly snapshotStart: number | null;
}

/**
 * The same as JournalRestore, over the whole journal at once. An entry continues its claim when it is the next number under the last
 * claim before it. The last complete snapshot, whose chunks all continue one claim without damage between them, is the foundation.
 * From there, or from the start, what continues counts up to the next damage.
 */
export function restoreByModel(items: readonly ModelItem[]): ModelRestore {
  const valid = items.filter((item): item is Entry => "epoch" in item && continues(items, item));
  const foundation = valid
    .filter(({ complete }) => complete)
    .map((last) => ({ start: chunksOf(items, valid, last)[0]?.offset ?? last.offset, last }))
    .at(-1);
  const start = foundation?.start ?? 0;
  const breaks = items.filter((item) => "damage" in item).map(({ offset }) => offset);
  const end = breaks.find((offset) => offset > (foundation?.last.offset ?? -1)) ?? Number.POSITIVE_INFINITY;
  const counted = valid.filter(({ offset }) => offset >= start && offset < end);
  const damaged = end !== Number.POSITIVE_INFINITY;
  return { offsets: counted.map(({ offset }) => offset), damaged, snapshotStart: foundation?.start ?? null };
}

function continues(items: readonly ModelItem[], { offset, epoch, number }: Entry): boolean {
  const before = items.slice(0, offset);
  if (before.findLast((item) => "claim" in item)?.offset !== epoch) return false;
  const numbers = before
    .slice(epoch + 1)
    .flatMap((item) => ("epoch" in item && item.epoch === epoch ? [item.number] : []));
  let next = 0;
  for (const own of numbers) if (own === next) next += 1;
  return number === next;
}

/** The chunks of the snapshot that ends with `last`. */
function chunksOf(items: readonly ModelItem[], valid: readonly Entry[], last: Entry): Entry[] {
  const others = valid.filter(({ complete, offset }) => complete && offset < last.offset);
  const damage = items.filter((item) => "damage" in item && item.offset < last.offset);
  const from = Math.max(last.epoch, others.at(-1)?.offset ?? -1, damage.at(-1)?.offset ?? -1);
  return valid.filter(({ offset, kind }) => kind === "snapshot" && offset > from && offset <= last.offset);
}
