import { parseArgs } from "node:util";
import { z } from "zod";
import { noCluster } from "../support/cluster.ts";
import { untilInterrupted } from "../support/until-interrupted.ts";
import { checkOut, releaseOfTree, type CheckedOut, type Release } from "./release.ts";
import { runUpgrade } from "./upgrade-run.ts";
import { wrongOfUpgrade } from "./upgrade-verdict.ts";

/**
 * `npm run upgrade -- [--from GIT_REF | --from-tree DIR] [--minutes N]`: an installation of an earlier release on a local cluster (three Kafka
 * brokers, PostgreSQL, Redis, ClickHouse) is upgraded under load to this tree, role by role, process by process, and taken back again unless
 * `--no-back`. Without --from this tree stands for both. N minutes are spent with both releases side by side. The last line is what was found
 * as JSON; exit code 1 when something is lost, twice or out of order.
 */
const { values } = parseArgs({
  options: {
    from: { type: "string" },
    "from-tree": { type: "string" },
    minutes: { type: "string", default: "2" },
    devices: { type: "string", default: "20" },
    brokers: { type: "string", default: "3" },
    "no-back": { type: "boolean", default: false },
  },
});
const { minutes, devices, brokers } = z
  .object({
    minutes: z.coerce.number().positive(),
    devices: z.coerce.number().int().positive(),
    brokers: z.enum(["1", "3"]),
  })
  .parse(values);
/** Two roles have a canary, each of which is judged, and then runs on for as long beside the others; the way back waits as long. */
const WAITS = 5;

const begun = performance.now();
const say = (text: string): void => console.log(`${((performance.now() - begun) / 1000).toFixed(1)} s  ${text}`);
if (noCluster !== null) throw new Error(`upgrade needs ${noCluster}`);
const next: Release = { name: "this-tree" };
const checkedOut: CheckedOut | null = values.from === undefined ? null : checkOut(values.from);
try {
  const waitMs = (minutes * 60_000) / WAITS;
  const figures = await runUpgrade({
    old: checkedOut?.release ?? treeOf(values["from-tree"]),
    next,
    brokers: brokers === "1" ? 1 : 3,
    devices,
    processors: 2,
    canaryMs: waitMs,
    sideBySideMs: waitMs,
    back: !values["no-back"],
    say,
    signal: untilInterrupted(),
  });
  console.log(JSON.stringify(figures));
  const wrong = wrongOfUpgrade(figures, "upgraded");
  if (wrong.length > 0) console.log(`wrong: ${wrong.join(", ")}`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
} finally {
  checkedOut?.dispose();
}

function treeOf(tree: string | undefined): Release {
  return tree === undefined ? { name: "this-tree-before" } : releaseOfTree("tree-before", tree);
}
