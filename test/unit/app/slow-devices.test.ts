import { describe, expect, it } from "vitest";
import { slowDevices } from "../../../app/slow-devices.ts";
import { createKeyCounts } from "../../../app/key-counts.ts";
import { countsOf, worstKeys, type KeyCounts } from "../../../app/worst-keys.ts";
import { noOutcomes, type Outcomes } from "../../../core/ledger.ts";
import type { Device } from "../../../core/registry.ts";
import type { DevicePace, SlowDevicesQuery } from "../../../core/slow-devices.ts";
import type { StageTotals } from "../../../runtime/stage-runner.ts";

const NOW = 1_800_000_000_000;
const SECOND = 1000;

function pace(device: string, silentMs: number, more: Partial<DevicePace> = {}): DevicePace {
  return { device, received: NOW - silentMs, intervalMs: 10 * SECOND, delayMs: 0, ...more };
}

const counted = (more: Partial<Outcomes>): Outcomes => ({ ...noOutcomes(), ...more });

/** What two threads have counted, each of other keys. */
function listed(paces: readonly DevicePace[], threads: readonly KeyCounts[], gone: readonly string[] = []) {
  const reduce = (of: (totals: KeyCounts) => KeyCounts): readonly StageTotals[] =>
    threads.map((totals) => ({ partitions: [], totals: of(totals), quiet: true }));
  const peers = {
    worst: async (prefix: string, count: number) => reduce((totals) => worstKeys(totals, prefix, count)),
    totalsOf: async (keys: readonly string[]) => reduce((totals) => countsOf(totals, keys)),
  };
  const counts = createKeyCounts(peers, (own) => own());
  const device = (id: string) => ({ id, disabled: false }) as Device;
  const devices = { get: async (_: string, id: string) => (gone.includes(id) ? null : device(id)) };
  const sources = { paces: () => paces, counts, devices, clock: { now: () => NOW } };
  return (query: Partial<SlowDevicesQuery>) =>
    slowDevices(sources, { tenant: "acme", by: "silence", limit: 10, ...query });
}

describe("slow devices", () => {
  it("are those that are silent for longest by their own interval, and not by the clock", async () => {
    const list = listed(
      [
        pace("daily", 30 * 3600 * SECOND, { intervalMs: 24 * 3600 * SECOND }),
        pace("quick", 60 * SECOND, { intervalMs: SECOND }),
        pace("well", 20 * SECOND),
        pace("slow", 100 * SECOND),
        pace("new", 9999 * SECOND, { intervalMs: null }),
      ],
      [new Map([["acme/slow", counted({ processed: 5, duplicate: 1 })]])],
    );
    const items = await list({});
    expect(items.map(({ device, silence }) => [device, silence])).toEqual([
      ["quick", 60],
      ["slow", 10],
    ]);
    expect(items[1]).toMatchObject({ messages: 6, duplicates: 1, silentMs: 100 * SECOND, intervalMs: 10 * SECOND });
    expect(await list({ limit: 1 })).toHaveLength(1);
  });

  it("are those whose readings are longest under way", async () => {
    const list = listed(
      [pace("a", 0, { delayMs: 2 * SECOND }), pace("b", 0, { delayMs: 900 }), pace("c", 0, { delayMs: 60 * SECOND })],
      [],
    );
    expect((await list({ by: "delay" })).map(({ device }) => device)).toEqual(["c", "a"]);
  });

  it("are those of whose messages most did not count, whatever thread has them", async () => {
    const list = listed(
      [pace("dups", 5 * SECOND)],
      [
        new Map([
          ["acme/dups", counted({ processed: 60, duplicate: 40 })],
          ["acme/clean", counted({ processed: 100 })],
          ["acme/few", counted({ quarantined: 3 })],
        ]),
        new Map([
          ["acme/bad", counted({ processed: 10, quarantined: 90 })],
          ["acme/late", counted({ processed: 100, lateDropped: 500 })],
          ["other/worse", counted({ quarantined: 100 })],
        ]),
      ],
    );
    const items = await list({ by: "rejects" });
    expect(items.map(({ device }) => device)).toEqual(["late", "bad", "dups"]);
    // Never seen by the hub: what the ledger has is told all the same.
    expect(items[1]).toMatchObject({ received: null, silence: null, quarantined: 90, messages: 100 });
    expect(items[2]).toMatchObject({ received: NOW - 5 * SECOND, duplicates: 40 });
    expect((await list({ by: "rejects", limit: 1 })).map(({ device }) => device)).toEqual(["late"]);
  });

  it("are not those that were removed", async () => {
    const list = listed([pace("gone", 999 * SECOND), pace("here", 99 * SECOND)], [], ["gone"]);
    expect((await list({})).map(({ device }) => device)).toEqual(["here"]);
  });

  it("are found among many, and no more kept than asked for", async () => {
    const paces = Array.from({ length: 5000 }, (_, n) => pace(`d${n}`, ((n * 7919) % 5000) * 10 * SECOND));
    const items = await listed(paces, [])({ limit: 100 });
    expect(items.map(({ silence }) => silence)).toEqual(Array.from({ length: 100 }, (_, n) => 4999 - n));
  });
});
