import { parseArgs } from "node:util";
import { z } from "zod";
import { untilInterrupted } from "../support/until-interrupted.ts";
import { BROKEN_NAMES } from "./breaks.ts";
import { runBrokenKills } from "./broken-kills.ts";
import { runKillRounds } from "./kill-rounds.ts";
import { wrongOf } from "./kill-verdict.ts";

/**
 * `npm run kills -- --rounds N --seed N`: an instance is killed with SIGKILL at random moments while devices keep 50 messages under way
 * each. The last line is what was found as JSON; exit code 1 when something is wrong. `--broken NAME`: 0 only when a build that
 * acknowledges too early is found out.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    devices: { type: "string", default: "4" },
    broken: { type: "string" },
  },
});
const { broken, ...options } = z
  .object({
    rounds: z.coerce.number().int().positive(),
    seed: z.string(),
    devices: z.coerce.number().int().positive(),
    broken: z.enum(BROKEN_NAMES).optional(),
  })
  .parse(values);
const say = (text: string): void => console.log(text);

if (broken === undefined) {
  const figures = await runKillRounds({ ...options, say, signal: untilInterrupted() });
  console.log(JSON.stringify(figures));
  process.exitCode = wrongOf(figures).length === 0 ? 0 : 1;
} else {
  const { missing } = await runBrokenKills(broken, { ...options, say });
  say(missing > 0 ? `${broken} shows: ${missing} acknowledged messages are lost` : `${broken} does not show`);
  process.exitCode = missing > 0 ? 0 : 1;
}
