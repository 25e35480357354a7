import { benchAutoscaler } from "./autoscaler/bench-autoscaler.ts";
import { benchBacktest } from "./backtest/bench-backtest.ts";
import { benchConnects } from "./connects/bench-connects.ts";
import { benchClusterBurst } from "./cluster-burst/bench-cluster-burst.ts";
import { benchEdgeMemory } from "./edge-memory/bench-edge-memory.ts";
import { benchEndToEnd } from "./end-to-end/bench-end-to-end.ts";
import { benchFunctions } from "./functions/bench-functions.ts";
import { benchFunctionsLive } from "./functions-live/bench-functions-live.ts";
import { benchFunctionsPeers } from "./functions-peers/bench-functions-peers.ts";
import { benchFullLog } from "./full-log/bench-full-log.ts";
import { benchGrowth } from "./growth/bench-growth.ts";
import { benchIngest } from "./ingest/bench-ingest.ts";
import { benchMainJob } from "./bench-main-job.ts";
import { benchScaling } from "./scaling/bench-scaling.ts";

/** `npm run bench -- NAME`; without a name the main job, from PUBLISH to a row. Linux only: reads /proc. */
const BENCHMARKS: Readonly<Record<string, (args: string[]) => Promise<void> | void>> = {
  /** MQTT to PUBACK, beside other brokers. */
  ingest: benchIngest,
  /** What a connection costs to open, with TLS and without. */
  connects: benchConnects,
  /** The main job under the loads of the ingest. */
  "end-to-end": benchEndToEnd,
  /** What functions cost a worker. */
  functions: benchFunctions,
  /** Functions over the past, beside the rate at which it came in. */
  backtest: benchBacktest,
  /** Users' functions started, woken, flooded, and misbehaving. */
  "functions-live": benchFunctionsLive,
  /** A user's function beside the same job in Node-RED. */
  "functions-peers": benchFunctionsPeers,
  /** Memory of an installation at the edge that forwards. */
  "edge-memory": benchEdgeMemory,
  /** What a commit of the embedded log costs when it has been full for long. */
  "full-log": benchFullLog,
  /** What a message costs with more devices, partitions, rules and history. */
  growth: benchGrowth,
  /** A local cluster under twenty times its load, scaled down to no processor and woken. */
  "cluster-burst": benchClusterBurst,
  /** Scaling in a simulator, beside other formulas. */
  autoscaler: benchAutoscaler,
  /** Fleets of millions on paper: a model of the measured figures, and a simulation beside it. */
  scaling: benchScaling,
};

const [name = "", ...args] = process.argv.slice(2);
const chosen = BENCHMARKS[name];
await (chosen === undefined ? benchMainJob(process.argv.slice(2)) : chosen(args));
