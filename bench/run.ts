import { benchIngest } from "./ingest/bench-ingest.ts";
import { benchEndToEnd } from "./end-to-end/bench-end-to-end.ts";
import { benchFunctions } from "./functions/bench-functions.ts";
import { benchMainJob } from "./bench-main-job.ts";

/**
 * `npm run bench`: the main job, from PUBLISH to a row. `npm run bench -- ingest`: MQTT to PUBACK, beside other brokers. `npm run bench --
 * end-to-end`: the main job under the loads of the ingest. `npm run bench -- functions`: what functions cost a worker. Linux only: reads /proc.
 */
const args = process.argv.slice(2);
if (args[0] === "ingest") await benchIngest(args.slice(1));
else if (args[0] === "end-to-end") await benchEndToEnd(args.slice(1));
else if (args[0] === "functions") benchFunctions(args.slice(1));
else await benchMainJob(args);
