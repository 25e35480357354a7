import { parseArgs } from "node:util";
import { z } from "zod";
import { untilInterrupted } from "../support/until-interrupted.ts";
import { runForwardCuts, wrongOfCuts } from "./forward-cuts.ts";

/**
 * `npm run forward-cuts -- --cuts N --minutes N`: an edge installation forwards to another one under load, over a link that is cut N times for
 * so many minutes; both are killed with SIGKILL on the way unless `--no-kills`. With `--kafka` they go through a topic and a relay, which are killed too. The last line is what was found as JSON; exit code 1 when
 * something is lost, twice or out of order.
 */
const { values } = parseArgs({
  options: {
    cuts: { type: "string", default: "5" },
    minutes: { type: "string", default: "1" },
    devices: { type: "string", default: "20" },
    pace: { type: "string", default: "200" },
    "no-kills": { type: "boolean", default: false },
    kafka: { type: "boolean", default: false },
  },
});
const { minutes, pace, ...options } = z
  .object({
    cuts: z.coerce.number().int().positive(),
    minutes: z.coerce.number().positive(),
    devices: z.coerce.number().int().positive(),
    pace: z.coerce.number().nonnegative(),
  })
  .parse(values);
const figures = await runForwardCuts({
  ...options,
  cutMs: minutes * 60_000,
  paceMs: pace,
  kills: !values["no-kills"],
  kafka: values.kafka,
  say: (text) => console.log(text),
  signal: untilInterrupted(),
});
console.log(JSON.stringify(figures));
const wrong = wrongOfCuts(figures);
if (wrong.length > 0) console.log(`wrong: ${wrong.join(", ")}`);
process.exitCode = wrong.length === 0 ? 0 : 1;
