import { setTimeout as delay } from "node:timers/promises";
import type { ClickHouseServer } from "../support/clickhouse-server.ts";
import type { Durations } from "./durations.ts";

export interface ClickHouseFault {
  readonly kind: string;
  run(server: ClickHouseServer, durations: Durations, signal: AbortSignal): Promise<void>;
}

const RESETS = 3;
const RESETS_MS_MAX = 180_000;
const POLL_MS = 100;

/** A lane of their own: the longest lasts for most of a run. */
export const CLICKHOUSE_FAULTS: readonly ClickHouseFault[] = [
  {
    kind: "clickhouse-down",
    async run(server, { clickhouseDown }, signal) {
      await server.down();
      await delay(clickhouseDown, undefined, { signal });
      await server.up();
    },
  },
  {
    kind: "clickhouse-hangs",
    async run(server, { clickhouseHang }, signal) {
      server.faults.hanging = true;
      await delay(clickhouseHang, undefined, { signal });
      // Somebody has restarted it: nothing that it took will be answered.
      await server.down();
      server.faults.hanging = false;
      await server.up();
    },
  },
  {
    kind: "clickhouse-resets",
    async run({ faults }, _durations, signal) {
      faults.resetsAfterCommit = RESETS;
      const deadline = performance.now() + RESETS_MS_MAX;
      while (faults.resetsAfterCommit > 0) {
        if (performance.now() > deadline) throw new Error("no rows came to ClickHouse");
        await delay(POLL_MS, undefined, { signal });
      }
    },
  },
];
