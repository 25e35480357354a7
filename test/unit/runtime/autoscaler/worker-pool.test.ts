import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WorkerPool, type PooledWorker } from "../../../../runtime/autoscaler/worker-pool.ts";

const PARTITIONS = 12;

/** Workers that take their time, and what they own. Owning a partition twice is an error at once. */
class Workers {
  readonly owners = new Map<number, number>();
  started = 0;
  ended = 0;
  spawnFailures = 0;
  takeFailures = 0;
  releaseFailures = 0;
  endFailures = 0;
  silent = false;

  readonly spawn = async (): Promise<PooledWorker> => {
    await Promise.resolve();
    if (this.spawnFailures > 0) {
      this.spawnFailures -= 1;
      throw new Error("no thread can be started");
    }
    const id = (this.started += 1);
    return {
      take: async (partitions) => {
        await Promise.resolve();
        if (this.takeFailures > 0) {
          this.takeFailures -= 1;
          throw new Error("the partition cannot be claimed");
        }
        for (const partition of partitions) {
          if (this.owners.has(partition)) throw new Error(`partition ${partition} has two owners`);
          this.owners.set(partition, id);
        }
      },
      release: async (partitions) => {
        // A commit takes longer than a claim.
        await nextTurn();
        if (this.releaseFailures > 0) {
          this.releaseFailures -= 1;
          throw new Error("it does not let go");
        }
        for (const partition of partitions) {
          if (this.owners.get(partition) !== id) throw new Error(`partition ${partition} is not the worker's`);
          this.owners.delete(partition);
        }
      },
      busySeconds: () => (this.silent ? Promise.reject(new Error("no answer")) : Promise.resolve(10 * id)),
      end: () => {
        if (this.endFailures > 0) {
          this.endFailures -= 1;
          return Promise.reject(new Error("it does not end"));
        }
        this.ended += 1;
        return Promise.resolve();
      },
    };
  };

  get partitionsEach(): number[] {
    return [...Map.groupBy(this.owners.values(), (id) => id).values()].map(({ length }) => length);
  }
}

const poolOf = (workers: Workers): WorkerPool =>
  new WorkerPool({ partitions: PARTITIONS, spawn: workers.spawn, onSpareFailure: () => undefined });

describe("the pool of a stage's workers", () => {
  it("gives every partition to exactly one worker, however the number changes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: PARTITIONS }), { maxLength: 12 }), async (changes) => {
        const workers = new Workers();
        const pool = poolOf(workers);
        for (const count of changes) {
          await pool.scaleTo(count);
          expect(workers.owners.size).toBe(count === 0 ? 0 : PARTITIONS);
          expect(new Set(workers.owners.values()).size).toBe(count);
          expect(pool).toMatchObject({ replicas: count, ready: count });
        }
        await pool.stop();
        expect(workers.ended).toBe(workers.started);
      }),
    );
  });

  it("makes changes one after the other that are asked for at once", async () => {
    const workers = new Workers();
    const pool = poolOf(workers);
    await Promise.all([pool.scaleTo(4), pool.scaleTo(1), pool.scaleTo(6)]);
    expect(workers.partitionsEach).toEqual([2, 2, 2, 2, 2, 2]);
  });

  it("leaves the partitions that stay where they are", async () => {
    const workers = new Workers();
    const pool = poolOf(workers);
    await pool.scaleTo(4);
    const before = new Map(workers.owners);
    await pool.scaleTo(8);
    const moved = [...before].filter(([partition, id]) => workers.owners.get(partition) !== id);
    expect(moved.map(([partition]) => partition)).toEqual([4, 5, 6, 7]);
  });

  it("has one in reserve, which is the first to be taken", async () => {
    const workers = new Workers();
    const pool = poolOf(workers);
    pool.warm();
    await expect.poll(() => workers.started).toBe(1);
    await pool.scaleTo(1);
    expect(workers.owners.get(0)).toBe(1);
    await expect.poll(() => workers.started).toBe(2);
  });

  it("goes on with those that could be started, and says that one could not", async () => {
    const workers = new Workers();
    const pool = poolOf(workers);
    await pool.scaleTo(2);
    workers.spawnFailures = 2;
    await expect(pool.scaleTo(6)).rejects.toThrow("no thread can be started");
    expect(pool.replicas).toBe(pool.ready);
    expect(pool.replicas).toBeGreaterThan(2);
    expect(workers.owners.size).toBe(PARTITIONS);
    await pool.scaleTo(6);
    expect(workers.partitionsEach).toEqual([2, 2, 2, 2, 2, 2]);
  });

  it("gives partitions that could not be taken out again at the next change", async () => {
    const workers = new Workers();
    const pool = poolOf(workers);
    workers.takeFailures = 1;
    await expect(pool.scaleTo(3)).rejects.toThrow("cannot be claimed");
    expect(pool).toMatchObject({ replicas: 3, ready: 2 });
    await pool.scaleTo(3);
    expect(workers.partitionsEach).toEqual([4, 4, 4]);
  });

  it("leaves what one does not let go with it, gives all the rest out, and moves it at the next change", async () => {
    const workers = new Workers();
    const pool = poolOf(workers);
    await pool.scaleTo(2);
    workers.releaseFailures = 1;
    await expect(pool.scaleTo(3)).rejects.toThrow("it does not let go");
    expect(workers.owners.size).toBe(PARTITIONS);
    await pool.scaleTo(3);
    expect(workers.partitionsEach).toEqual([4, 4, 4]);
  });

  it("ends the next time what could not be ended, and gives its partitions out before", async () => {
    const workers = new Workers();
    const pool = poolOf(workers);
    await pool.scaleTo(3);
    workers.endFailures = 1;
    await expect(pool.scaleTo(1)).rejects.toThrow("it does not end");
    expect(workers.partitionsEach).toEqual([PARTITIONS]);
    expect(workers.ended).toBe(1);
    await pool.scaleTo(1);
    expect(workers.ended).toBe(2);
  });

  it("ends one that does not say what it has worked, and keeps what it said last", async () => {
    const workers = new Workers();
    const pool = poolOf(workers);
    await pool.scaleTo(3);
    const before = await pool.busySeconds();
    workers.silent = true;
    await pool.scaleTo(1);
    expect(workers.ended).toBe(2);
    workers.silent = false;
    expect(await pool.busySeconds()).toBe(before);
  });

  it("counts the work of workers that have ended", async () => {
    const workers = new Workers();
    const pool = poolOf(workers);
    await pool.scaleTo(3);
    const before = await pool.busySeconds();
    await pool.scaleTo(1);
    expect(await pool.busySeconds()).toBe(before);
  });
});
