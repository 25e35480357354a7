import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const RAW = new URL("../../docs/benchmarks/raw/", import.meta.url);

const usage = z.object({ usage: z.object({ messages: z.number(), serverCpuSeconds: z.number() }) });
const run = z.object({ partitions: z.number(), messages: z.number(), cpuSeconds: z.number() });
const stockRun = run.extend({ outputs: z.number(), outputBytes: z.number(), unitBytes: z.number() });
const rate = z.record(z.string(), z.object({ value: z.number() }));
const shape = z.object({ messages: z.number(), cpuSecondsByThread: z.record(z.string(), z.number()) });
const tablesRun = z.object({
  rows: z.number(),
  seconds: z.number(),
  sinkCpuSeconds: z.number(),
  clickhouseCpuSeconds: z.number(),
});

/** What the model reads of each file: a benchmark that is written otherwise is an error here, and no wrong figure. */
const FILES = {
  "ingest-kafka": z.object({
    rounds: z.array(z.object({ results: z.object({ single: z.object({ ours: z.object({ full: usage }) }) }) })),
  }),
  ingest: z.object({
    idle: z.object({
      results: z.object({
        ours: z.object({ rssKilobytesPerConnection: z.number(), cpuMicrosPerConnect: z.number() }),
      }),
    }),
  }),
  functions: z.object({ runs: z.object({ stock: z.array(stockRun), map: z.array(run) }) }),
  kafka: z.object({ runs: z.object({ platformatic: z.array(rate) }) }),
  tables: z.object({
    cases: z.array(z.object({ place: z.string(), live: z.boolean(), rollups: z.boolean(), runs: z.array(tablesRun) })),
  }),
  "end-to-end": z.object({ rounds: z.array(z.object({ pipelined: shape })) }),
  growth: z.object({
    curves: z.object({
      devices: z.object({ sizes: z.array(z.object({ size: z.number(), runs: z.array(run) })) }).optional(),
    }),
    history: z
      .object({
        sizes: z.array(
          z.object({
            filled: z.object({ allBytesPerRow: z.number() }),
            rounds: z.array(z.object({ queries: z.number(), queryCpuSeconds: z.number() })),
          }),
        ),
      })
      .optional(),
  }),
  connects: z.object({
    runs: z.array(z.object({ kind: z.string(), connects: z.number(), cpuSeconds: z.number() })),
  }),
} as const;

type RawName = keyof typeof FILES;
export type RawFile<Name extends RawName> = z.infer<(typeof FILES)[Name]>;

/** Throws when the file is not there or is not what the model reads. */
export function readRaw<Name extends RawName>(name: Name): RawFile<Name> {
  const path = fileURLToPath(new URL(`${name}.json`, RAW));
  if (!existsSync(path)) throw new Error(`${path} is not there: run the benchmark that writes it`);
  return FILES[name].parse(JSON.parse(readFileSync(path, "utf8"))) as RawFile<Name>;
}
