import { benchIngest } from "./ingest/bench-ingest.ts";
import { benchMainJob } from "./bench-main-job.ts";

/** `npm run bench`: the main job, from PUBLISH to a row. `npm run bench -- ingest`: MQTT to PUBACK, beside other brokers. Linux only: reads /proc. */
const args = process.argv.slice(2);
if (args[0] === "ingest") await benchIngest(args.slice(1));
else await benchMainJob(args);
