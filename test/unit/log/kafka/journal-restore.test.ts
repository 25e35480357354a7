import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JournalRestore, restoreBehind } from "../../../../log/kafka/journal-restore.ts";
import { restoreByModel } from "./journal-restore-model.ts";
import type { JournalEntryKind } from "../../../../core/event-log.ts";
import { claimRecord, entryRecord, type StoredJournalRecord } from "../../../../log/kafka/journal-record.ts";
import { logRecord } from "../../../support/log-records.ts";
import type { LogRecord } from "../../../../core/record.ts";
import type { ModelItem } from "./journal-restore-model.ts";

/** Of one entry: which epoch and number it carries, and, for snapshots, whether it is the last chunk. */
interface Written {
  readonly epoch: number;
  readonly n: number;
  readonly kind?: JournalEntryKind;
  readonly complete?: boolean;
  readonly nextTimer?: number | null;
}

const ID = { name: "stage:main", partition: 0 };
const DAMAGE = "damage";
const CLAIM = "claim";

/** What lies in a journal, one item per offset from `firstOffset` on. */
function restored(items: readonly (Written | typeof DAMAGE | typeof CLAIM)[], firstOffset = 0): JournalRestore {
  const restore = new JournalRestore(firstOffset === 0);
  for (const [index, item] of items.entries()) {
    if (item === DAMAGE) restore.addDamage();
    else restore.add(recordAt(firstOffset + index, item));
  }
  restore.finish();
  return restore;
}

function recordAt(offset: number, item: Written | typeof CLAIM): StoredJournalRecord {
  if (item === CLAIM) return { offset, claim: true };
  const { epoch, n, kind = "unit", complete, nextTimer = null } = item;
  const positions = [{ topic: "telemetry", partition: 0, offset: offset * 10 }];
  const entry = {
    kind,
    positions,
    nextTimer,
    body: new Uint8Array(0),
    ...(complete === undefined ? {} : { complete }),
  };
  return { offset, epoch, number: n, entry };
}

/** The same as it lies in a batch. */
function stored(offset: number, item: Written | typeof CLAIM): LogRecord {
  const record = recordAt(offset, item);
  const { timestamp, key, value, headers } =
    "claim" in record ? claimRecord(0) : entryRecord(record.entry, { ...record, timestamp: 0 });
  return logRecord({ offset, timestamp, key, value, headers });
}

const offsetsOf = (restore: JournalRestore): number[] => restore.entries.map(({ offset }) => offset);
const chunk = (epoch: number, n: number, complete: boolean): Written => ({ epoch, n, kind: "snapshot", complete });

describe("a journal is restored from", () => {
  test("all entries of its claims, in order, with the positions and the timer of the last", () => {
    const items = [CLAIM, { epoch: 0, n: 0 }, { epoch: 0, n: 1 }, CLAIM, { epoch: 3, n: 0, nextTimer: 77 }] as const;
    const restore = restored(items);
    expect(offsetsOf(restore)).toEqual([1, 2, 4]);
    expect(restore.positions).toEqual([{ topic: "telemetry", partition: 0, offset: 40 }]);
    expect(restore.nextTimer).toBe(77);
    expect(restore.damaged).toBe(false);
  });

  test("nothing when nothing was written", () => {
    expect(restored([])).toMatchObject({ entries: [], positions: [], nextTimer: null, damaged: false });
    expect(restored([CLAIM, CLAIM])).toMatchObject({ entries: [], damaged: false });
  });

  test("no entry that an owner wrote after it was fenced, not even a complete snapshot", () => {
    const late = [CLAIM, { epoch: 0, n: 0 }, CLAIM, { epoch: 0, n: 1 }, chunk(0, 2, true), { epoch: 2, n: 0 }] as const;
    const restore = restored(late);
    expect(offsetsOf(restore)).toEqual([1, 5]);
    expect(restore.snapshotStart).toBeNull();
  });

  test("each number once, and nothing behind one that is missing", () => {
    const repeated = [CLAIM, { epoch: 0, n: 0 }, { epoch: 0, n: 0 }, { epoch: 0, n: 1 }] as const;
    expect(offsetsOf(restored(repeated))).toEqual([1, 3]);
    const missing = [
      CLAIM,
      { epoch: 0, n: 0 },
      { epoch: 0, n: 2 },
      { epoch: 0, n: 3 },
      CLAIM,
      { epoch: 4, n: 0 },
    ] as const;
    expect(offsetsOf(restored(missing))).toEqual([1, 5]);
  });
});

describe("a snapshot in chunks", () => {
  test("replaces what lies before its first chunk, and keeps the units between its chunks", () => {
    const items = [
      CLAIM,
      { epoch: 0, n: 0 },
      chunk(0, 1, false),
      { epoch: 0, n: 2 },
      chunk(0, 3, true),
      { epoch: 0, n: 4 },
    ];
    const restore = restored(items as Parameters<typeof restored>[0]);
    expect(offsetsOf(restore)).toEqual([2, 3, 4, 5]);
    expect(restore.snapshotStart).toBe(2);
  });

  test("that is not complete replaces nothing", () => {
    const restore = restored([CLAIM, { epoch: 0, n: 0 }, chunk(0, 1, false)]);
    expect(offsetsOf(restore)).toEqual([1, 2]);
    expect(restore.snapshotStart).toBeNull();
  });

  test("is not completed by a chunk of the next owner", () => {
    const restore = restored([CLAIM, { epoch: 0, n: 0 }, chunk(0, 1, false), CLAIM, chunk(3, 0, true)]);
    expect(offsetsOf(restore)).toEqual([4]);
    expect(restore.snapshotStart).toBe(4);
  });

  test("is enough when all before it, its claim too, has been deleted", () => {
    const restore = restored([chunk(3, 8, false), chunk(3, 9, true), { epoch: 3, n: 10 }], 20);
    expect(offsetsOf(restore)).toEqual([20, 21, 22]);
    expect(restore.damaged).toBe(false);
  });

  test("of which damage took the first chunk where all before it was deleted does not count", () => {
    const restore = restored([DAMAGE, chunk(3, 9, true), { epoch: 3, n: 10 }], 20);
    expect(restore).toMatchObject({ entries: [], positions: [], damaged: true, snapshotStart: null });
    const whole = restored([DAMAGE, chunk(3, 9, true), CLAIM, chunk(22, 0, true)], 20);
    expect(offsetsOf(whole)).toEqual([23]);
  });

  test("that is missing where the beginning was deleted leaves nothing that could be relied on", () => {
    const restore = restored(
      [
        { epoch: 3, n: 8, nextTimer: 5 },
        { epoch: 3, n: 9 },
      ],
      20,
    );
    expect(restore).toMatchObject({ entries: [], positions: [], nextTimer: null, damaged: true });
  });
});

describe("behind what a former owner holds", () => {
  /** Claim 20, and what comes of it at the offsets behind. */
  const mark = {
    ...ID,
    log: "l",
    epoch: 20,
    entry: 20,
    positions: [{ topic: "telemetry", partition: 0, offset: 7 }],
    nextTimer: 5,
  };
  const behind = (commits: number, item: Written | typeof DAMAGE | typeof CLAIM) => {
    const records = item === DAMAGE ? null : [stored(20 + commits, item)];
    return restoreBehind({ mark, commits }, 20 + commits, { records });
  };

  test("what counts follows its last entry, or its claim when there is none", () => {
    const restore = behind(2, { epoch: 20, n: 1, nextTimer: 9 });
    expect(restore).toMatchObject({ positions: [{ offset: 220 }], nextTimer: 9 });
    for (const [offset, n] of [
      [23, 2],
      [24, 2],
      [25, 3],
    ] as const)
      restore?.add(recordAt(offset, { epoch: 20, n }));
    expect(restore === null ? [] : offsetsOf(restore)).toEqual([23, 25]);
    expect(behind(0, CLAIM)).toMatchObject({ entries: [], positions: [{ offset: 7 }], nextTimer: 5, damaged: false });
  });

  test.each<[string, number, Written | typeof DAMAGE | typeof CLAIM]>([
    ["damaged", 1, DAMAGE],
    ["a claim instead", 1, CLAIM],
    ["an entry where the claim was", 0, { epoch: 20, n: 0 }],
    ["of another claim", 1, { epoch: 19, n: 0 }],
    ["of another number", 1, { epoch: 20, n: 1 }],
    ["within a snapshot", 1, chunk(20, 0, false)],
  ])("nothing is known when its last entry is %s", (_, commits, item) => {
    expect(behind(commits, item)).toBeNull();
  });
});

describe("behind damage", () => {
  test("nothing counts, and the restore says so", () => {
    const restore = restored([CLAIM, { epoch: 0, n: 0 }, DAMAGE, { epoch: 0, n: 2 }, CLAIM, { epoch: 4, n: 0 }]);
    expect(offsetsOf(restore)).toEqual([1]);
    expect(restore.damaged).toBe(true);
  });

  test("the complete snapshot of a later owner makes the journal whole", () => {
    const restore = restored([
      CLAIM,
      { epoch: 0, n: 0 },
      DAMAGE,
      CLAIM,
      chunk(3, 0, false),
      chunk(3, 1, true),
      { epoch: 3, n: 2 },
    ]);
    expect(offsetsOf(restore)).toEqual([4, 5, 6]);
    expect(restore.damaged).toBe(false);
  });

  test("a snapshot of which the damage took a chunk does not count", () => {
    const restore = restored([CLAIM, { epoch: 0, n: 0 }, chunk(0, 1, false), DAMAGE, chunk(0, 3, true)]);
    expect(restore.damaged).toBe(true);
    expect(offsetsOf(restore)).toEqual([1, 2]);
  });
});

/** Owners that take over from each other, go on writing after they were fenced, repeat and skip numbers, and damage. */
const journal: fc.Arbitrary<ModelItem[]> = fc
  .array(
    fc.oneof(
      { weight: 2, arbitrary: fc.constant({ act: "claim" } as const) },
      {
        weight: 8,
        arbitrary: fc.record({
          act: fc.constant("unit" as const),
          back: fc.nat({ max: 1 }),
          skip: fc.constantFrom(0, 0, 0, 0, 1, -1),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({ act: fc.constant("chunk" as const), back: fc.nat({ max: 1 }), complete: fc.boolean() }),
      },
      { weight: 1, arbitrary: fc.constant({ act: "damage" } as const) },
    ),
    { maxLength: 60 },
  )
  .map((acts) => {
    const claims: { epoch: number; next: number }[] = [];
    return acts.map((act, offset): ModelItem => {
      if (act.act === "damage") return { offset, damage: true };
      const owner = act.act === "claim" ? undefined : claims.at(-1 - act.back);
      if (act.act === "claim" || owner === undefined) {
        claims.push({ epoch: offset, next: 0 });
        return { offset, claim: true };
      }
      const number = Math.max(0, owner.next + (act.act === "unit" ? act.skip : 0));
      owner.next = number + 1;
      const kind = act.act === "unit" ? "unit" : "snapshot";
      return { offset, epoch: owner.epoch, number, kind, complete: act.act === "chunk" && act.complete };
    });
  });

describe("any journal", () => {
  test("is restored as the rule says that is written down in three sentences", () => {
    fc.assert(
      fc.property(journal, (items) => {
        const restore = new JournalRestore(true);
        for (const item of items) {
          if ("damage" in item) restore.addDamage();
          else if ("claim" in item) restore.add({ offset: item.offset, claim: true });
          else {
            const { offset, epoch, number, kind, complete } = item;
            restore.add(recordAt(offset, { epoch, n: number, kind, ...(kind === "snapshot" ? { complete } : {}) }));
          }
        }
        restore.finish();
        const { damaged, snapshotStart } = restore;
        expect({ offsets: offsetsOf(restore), damaged, snapshotStart }).toEqual(restoreByModel(items));
      }),
      { numRuns: 2000 },
    );
  });
});
