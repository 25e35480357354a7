/** The two jobs that both sides do, on the messages of the ingest benchmark: 174 bytes of JSON with an event time and six metrics. */
export const JOBS = ["filter", "window"] as const;
export type JobName = (typeof JOBS)[number];

/** A metric of every message; 20 to 30. */
export const METRIC = "motorTemperature";
export const THRESHOLD = 20;
export const WINDOW_MS = 10_000;
/** A connection stands for a gateway with as many devices as it may have messages under way. */
export const LOAD = { connections: 10, window: 1000, batch: 50 } as const;
export const DEVICES = LOAD.connections * LOAD.window;

/** The users' functions, as a project has them. */
export const FUNCTIONS: Readonly<Record<JobName, string>> = {
  filter: `import { defineMap, z } from "millrace/function";

export const hot = defineMap({
  name: "hot",
  input: z.object({ ${METRIC}: z.number() }),
  process: ({ metrics }) =>
    metrics.${METRIC} > ${THRESHOLD} ? { fahrenheit: (metrics.${METRIC} * 9) / 5 + 32 } : undefined,
});
`,
  window: `import { defineStream, tumbling, z } from "millrace/function";

export const tenSeconds = defineStream({
  name: "ten-seconds",
  input: z.object({ ${METRIC}: z.number() }),
  window: tumbling("10s"),
  accumulator: z.object({ count: z.number(), sum: z.number(), max: z.number() }),
  initial: () => ({ count: 0, sum: 0, max: -273.15 }),
  add: (acc, { metrics: { ${METRIC}: value } }) => ({ count: acc.count + 1, sum: acc.sum + value, max: Math.max(acc.max, value) }),
  result: ({ count, sum, max }) => ({ temperature_mean: sum / count, temperature_max: max }),
});
`,
};

/** The same for Node-RED: the body of a function node. It counts what it takes in, so that the end of a load can be told. */
export const NODE_RED_FUNCTIONS: Readonly<Record<JobName, string>> = {
  filter: `flow.set("taken", (flow.get("taken") || 0) + 1);
const value = msg.payload.values.${METRIC};
if (!(value > ${THRESHOLD})) return null;
const device = msg.topic.split("/")[2];
return { topic: "results/" + device, payload: { device, ts: msg.payload.ts, fahrenheit: (value * 9) / 5 + 32 } };`,
  window: `flow.set("taken", (flow.get("taken") || 0) + 1);
let windows = context.get("windows");
if (windows === undefined) context.set("windows", (windows = new Map()));
const device = msg.topic.split("/")[2];
const { ts } = msg.payload;
const value = msg.payload.values.${METRIC};
const start = ts - (ts % ${WINDOW_MS});
const open = windows.get(device);
let result = null;
if (open !== undefined && open.start < start) {
  const { count, sum, max } = open;
  result = { topic: "results/" + device, payload: { device, start: open.start, mean: sum / count, max } };
}
if (open === undefined || open.start < start) windows.set(device, { start, count: 1, sum: value, max: value });
else {
  open.count += 1;
  open.sum += value;
  open.max = Math.max(open.max, value);
}
return result;`,
};
