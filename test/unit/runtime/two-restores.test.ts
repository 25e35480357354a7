import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { MillraceError } from "../../../core/errors.ts";
import { isReading } from "../../../core/is-reading.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { silentLogger } from "../../../core/logger.ts";
import { parseJson } from "../../../core/parse-json.ts";
import { FUNCTIONS_STAGE as stage } from "../../../core/stage.ts";
import { ColdFile } from "../../../runtime/cold-file.ts";
import { OwnedPartitions } from "../../../runtime/owned-partitions.ts";
import { claimPartition } from "../../../runtime/partition-owner.ts";
import { deploy, loadByWord as load, reading } from "../../support/deployed-stage.ts";
import { openJournal, SharedJournal } from "../../support/shared-journal.ts";
import type { PartitionOwner, PartitionOwnerOptions } from "../../../runtime/partition-owner.ts";

const RECORDS = [
  deploy(0, "f", 1, "sum"),
  ...["a", "b", "c"].map((device, index) => reading(1 + index, device, 1)),
  reading(4, "a", 100),
  ...["a", "b", "c"].map((device, index) => reading(5 + index, device, 0)),
];
const root = mkdtempSync(join(tmpdir(), "millrace-two-restores-"));
afterAll(() => rmSync(root, { recursive: true }));

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("it has not come to that");
    await nextTurn();
  }
}

async function work(owner: PartitionOwner | undefined, to: number): Promise<void> {
  if (owner === undefined) throw new Error("nobody has the partition");
  const from = owner.state.next.offset;
  for (const record of RECORDS.filter(({ offset }) => offset >= from && offset < to)) {
    while (!owner.state.process(record)) await owner.commit();
    await owner.commit();
  }
  await owner.settled();
}

/**
 * A partition whose state fits into no memory. Somebody else has worked three devices, its first commit here has failed, and the restore that
 * followed has read the journal, and goes on with `restores[0]`.
 */
async function whileItIsRestored() {
  const shared = new SharedJournal();
  const other = openJournal(shared, "q");
  const from = { stage, partition: 0, generation: 0 };
  await work(await claimPartition({ ...from, ...other, engine: { load } }), 4);
  const { journals, warm } = openJournal(shared, "p");
  const monotonic = { now: () => performance.now() };
  const of = { stage: stage.name, monotonic, logger: silentLogger };
  const cold = new ColdFile({ ...of, directory: root, bytesMax: 1, metrics: createMetrics() });
  const restores: (() => void)[] = [];
  const sums: unknown[] = [];
  const does = { wait: false, fail: false };
  let changes = 0;
  const log: PartitionOwnerOptions["journals"] = {
    ...journals,
    async claim(id, held) {
      const claim = await journals.claim(id, held);
      if (does.wait) await new Promise<void>((goOn) => restores.push(goOn));
      return claim;
    },
    async commit(request) {
      if (does.fail) throw new MillraceError("LOG_IO", "the disk says no");
      for (const { records } of request.outputs) {
        for (const made of records.map(({ value }) => parseJson(value))) {
          if (isReading(made)) sums.push([made.device, made.metrics["sum"]]);
        }
      }
      return journals.commit(request);
    },
  };
  const owned = new OwnedPartitions({
    ...of,
    log,
    warm,
    inLoop: async (change) => {
      await change();
      changes += 1;
    },
    onEnd: (error) => expect.fail(String(error)),
    claim: (partition, onFailure) => {
      const engine = { load, cold: cold.partition(partition, () => 1) };
      return claimPartition({ ...from, journals: log, warm, onFailure, engine });
    },
  });
  /** Its commit fails; resolves when the journal has been read for the restore, or all of it is done. */
  const fail = async (): Promise<void> => {
    const failing = owned.owners.get(0);
    does.fail = true;
    await work(failing, 5);
    does.fail = false;
    await owned.tend(true);
    await until(() => restores.length > 0 || owned.owners.get(0) !== failing);
  };
  /** The first restore goes on to its end. */
  const goOn = async (): Promise<void> => {
    const before = changes;
    restores[0]?.();
    await until(() => changes > before);
  };
  await owned.take([0]);
  does.wait = true;
  await fail();
  return { owned, warm, restores, does, sums, fail, goOn, close: () => (warm.close(), cold.close()) };
}

const TRUE_SUMS = [
  ["a", 101],
  ["a", 101],
  ["b", 1],
  ["c", 1],
];

test("a partition that is given again while it is restored counts nothing twice, where that restore ends first", async () => {
  const { owned, restores, does, sums, fail, goOn, close } = await whileItIsRestored();
  await owned.release([0]);
  const again = owned.take([0]);
  await until(() => restores.length === 2);
  await goOn();
  restores[1]?.();
  await again;
  does.wait = false;
  restores.length = 0;
  await fail();
  await work(owned.owners.get(0), 8);
  expect(sums).toEqual(TRUE_SUMS);
  close();
});

test("and loses nothing, where that restore ends when the partition is worked", async () => {
  const { owned, warm, restores, sums, goOn, close } = await whileItIsRestored();
  await owned.release([0]);
  const again = owned.take([0]);
  await until(() => restores.length === 2);
  restores[1]?.();
  await again;
  await work(owned.owners.get(0), 5);
  await goOn();
  expect(warm.take(0)).toBe(null);
  await work(owned.owners.get(0), 8);
  expect(sums).toEqual(TRUE_SUMS);
  close();
});

test("what is restored when nobody wants it is kept for whoever gets it next", async () => {
  const { owned, does, sums, goOn, close } = await whileItIsRestored();
  await owned.release([0]);
  await goOn();
  does.wait = false;
  await owned.take([0]);
  expect(owned.owners.get(0)?.isWarm).toBe(true);
  await work(owned.owners.get(0), 8);
  expect(sums).toEqual(TRUE_SUMS);
  close();
});
