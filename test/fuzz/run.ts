import { parseArgs } from "node:util";
import { z } from "zod";
import { untilInterrupted } from "../support/until-interrupted.ts";
import { fuzzCase } from "./fuzz-case.ts";
import { runFuzz } from "./run-fuzz.ts";

/**
 * `npm run fuzz -- --minutes 10 --seed N`: mutated MQTT sessions, HTTP requests and WebSocket frames against an instance. The last line
 * is what was found as JSON; exit code 1 when something was. `--case N` shows that case and plays it again and again.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: "1" },
    case: { type: "string" },
    "warm-up": { type: "string", default: "90" },
  },
});
const {
  minutes,
  seed,
  case: only = null,
  "warm-up": warmUpSeconds,
} = z
  .object({
    minutes: z.coerce.number().positive(),
    seed: z.string(),
    case: z.coerce.number().int().nonnegative().optional(),
    "warm-up": z.coerce.number().nonnegative(),
  })
  .parse(values);
const signal = untilInterrupted();
const say = (text: string): void => console.log(text);

if (only !== null) {
  const { writes, ...rest } = fuzzCase(seed, only);
  say(JSON.stringify({ ...rest, writes: writes.map((bytes) => bytes.toString("hex")) }));
}
const growthMegabytesMax = 100;
const figures = await runFuzz({ seed, seconds: minutes * 60, warmUpSeconds, growthMegabytesMax, only, say, signal });
console.log(JSON.stringify(figures));
process.exitCode = figures.findings.length === 0 ? 0 : 1;
