import { parseArgs } from "node:util";
import { z } from "zod";
import { untilInterrupted } from "../support/until-interrupted.ts";
import { BROKEN_NAMES } from "./breaks.ts";
import { runBrokenFunctionKills } from "./broken-function-kills.ts";
import { wrongOf } from "./function-kills-verdict.ts";
import { runFunctionKills } from "./function-kills.ts";
import { writeFunctionKills } from "./function-kills-page.ts";

/**
 * `npm run function-kills -- --rounds N --seed N`: threads of users' functions, and now and then the whole instance, are killed at random
 * moments while windows of every kind are computed. The last line is what was found as JSON; exit code 1 when something is wrong.
 * `--write`: docs/benchmarks/function-kills.md too. `--broken NAME`: 0 only when a broken build is found out.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    devices: { type: "string", default: "24" },
    write: { type: "boolean", default: false },
    broken: { type: "string" },
  },
});
const { broken, write, ...options } = z
  .object({
    rounds: z.coerce.number().int().positive(),
    seed: z.string(),
    devices: z.coerce.number().int().positive(),
    write: z.boolean(),
    broken: z.enum(BROKEN_NAMES).optional(),
  })
  .parse(values);
const say = (text: string): void => console.log(text);

if (broken === undefined) {
  const figures = await runFunctionKills({ ...options, say, signal: untilInterrupted() });
  if (write) writeFunctionKills(figures);
  const wrong = wrongOf(figures);
  if (wrong.length > 0) say(`not as it must be: ${wrong.join(", ")}`);
  console.log(JSON.stringify(figures));
  process.exitCode = wrong.length === 0 ? 0 : 1;
} else {
  const wrong = wrongOf(await runBrokenFunctionKills(broken, { ...options, say }));
  say(wrong.length > 0 ? `${broken} shows: ${wrong.join(", ")}` : `${broken} does not show`);
  process.exitCode = wrong.length > 0 ? 0 : 1;
}
