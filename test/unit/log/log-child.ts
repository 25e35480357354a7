import { systemClock } from "../../../core/clock.ts";
import { isMillraceError } from "../../../core/errors.ts";
import { silentLogger } from "../../../core/logger.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { openEmbeddedLog } from "../../../log/embedded/open-embedded-log.ts";
import { writeSync } from "node:fs";

/**
 * A process that writes as fast as it can and says what was acknowledged, one JSON line each, on its standard output: `{"append":
 * [partition, offset, value]}`, `{"unit": n}`, or `{"refused": code}`. It runs until it is killed.
 */
const [directory = "", run = "0", recordBytes = "200"] = process.argv.slice(2);
const PARTITIONS = 4;
const log = await openEmbeddedLog({
  directory,
  partitionCount: PARTITIONS,
  generation: 1,
  bytesMax: 1024 ** 3,
  retentionMs: 86_400_000,
  requiredJournals: [],
  clock: systemClock,
  logger: silentLogger,
  metrics: createMetrics(),
});
const say = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`);
const padding = "x".repeat(Number(recordBytes));
const record = (name: string) => ({
  timestamp: Date.now(),
  key: "acme/1",
  value: Buffer.from(`${name} ${padding}`),
  headers: [],
});

async function appendForEver(writer: number): Promise<never> {
  for (let count = 0; ; count++) {
    const name = `${run}.${writer}.${count}`;
    const partition = writer % PARTITIONS;
    try {
      say({ append: [partition, await log.append("telemetry", partition, [record(name)]), name] });
    } catch (error) {
      if (!isMillraceError(error)) throw error;
      say({ refused: error.code });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function commitForEver(): Promise<never> {
  const journal = { name: "stage:main", partition: 0 };
  const { epoch, entries } = await log.claim(journal);
  for (let unit = entries.length; ; unit++) {
    await log.commit({
      journal,
      epoch,
      entry: { kind: "unit", positions: [], nextTimer: null, body: Buffer.from(String(unit)) },
      outputs: [{ topic: "readings", partition: 0, records: [record(`u${unit}`)] }],
    });
    say({ unit });
  }
}

say({ ready: true });
await Promise.all([
  ...Array.from({ length: 8 }, (_, writer) => appendForEver(writer)),
  run === "full" ? null : commitForEver(),
]);
