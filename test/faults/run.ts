import { parseArgs } from "node:util";
import { z } from "zod";
import { errorText } from "../../core/errors.ts";
import { noCluster } from "../support/cluster.ts";
import { findRedis } from "../support/redis-server.ts";
import { BROKEN_NAMES } from "./breaks.ts";
import { runBroken } from "./broken-build.ts";
import { FULL_SECONDS } from "./durations.ts";
import { runOnce } from "./one-run.ts";
import { addResult, readResults, type Result } from "./results.ts";
import { wrongOf } from "./verdict.ts";

/**
 * `npm run faults -- --seed N`: a whole installation on three brokers, a fleet that publishes, and faults in several lanes at once. At the
 * end everything must have recovered by itself, and log and tables must say what the fleet's own ledger and the oracles say. The last line
 * is the verdict as JSON; exit code 1 when something is wrong.
 */
const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    seconds: { type: "string", default: String(FULL_SECONDS) },
    devices: { type: "string", default: "20" },
    client: { type: "string", default: "platformatic" },
    kinds: { type: "string" },
    results: { type: "string" },
    broken: { type: "string" },
  },
});
const options = z
  .object({
    seed: z.string().regex(/^\d+$/),
    seconds: z.coerce.number().positive(),
    devices: z.coerce.number().int().positive(),
    client: z.enum(["platformatic", "kafkajs"]),
    kinds: z
      .string()
      .transform((text) => text.split(","))
      .optional(),
    results: z.string().optional(),
    broken: z.enum(BROKEN_NAMES).optional(),
  })
  .parse(values);

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => interrupt(signal));
// Nothing that was begun may stay behind.
process.on("uncaughtException", interrupt);

const begun = performance.now();
const say = (text: string): void => console.log(`${((performance.now() - begun) / 1000).toFixed(1)} s  ${text}`);

if (noCluster !== null || findRedis() === null) throw new Error(`the faults need ${noCluster ?? "redis-server"}`);
if (options.broken !== undefined) {
  process.exitCode = (await runBroken(options.broken, options.seed, interrupted.signal, say)) ? 0 : 1;
} else if (isDone()) {
  say(`seed ${options.seed} with ${options.client} stands in ${options.results} already`);
} else {
  const result = await run();
  console.log(JSON.stringify(result));
  if (interrupted.signal.aborted) process.exitCode = 130;
  else {
    if (options.results !== undefined) addResult(options.results, result);
    process.exitCode = result.ok ? 0 : 1;
  }
}

function interrupt(reason: Error | NodeJS.Signals): void {
  say(`interrupted: ${typeof reason === "string" ? reason : (reason.stack ?? reason.message)}`);
  interrupted.abort(reason);
}

function isDone(): boolean {
  const { results, seed, client } = options;
  if (results === undefined) return false;
  return readResults(results).some((result) => result.seed === seed && result.client === client);
}

async function run(): Promise<Result> {
  const { seed, client, kinds = null } = options;
  try {
    const figures = await runOnce({ ...options, kinds, signal: interrupted.signal, say });
    const wrong = wrongOf(figures);
    return { ok: wrong.length === 0, wrong, ...figures };
  } catch (error) {
    const { aborted, reason } = interrupted.signal;
    return { ok: false, wrong: ["error"], seed, client, error: errorText(aborted ? reason : error) };
  }
}
