import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createScalerServer, type ScalerServer } from "../../../../api/scaler/scaler-server.ts";
import { createWatchedTargets } from "../../../../app/scaler/watched-targets.ts";
import { MillraceError } from "../../../../core/errors.ts";
import { LIMITS } from "../../../../core/limits.ts";
import { silentLogger } from "../../../../core/logger.ts";
import { createMetrics } from "../../../../core/metrics.ts";
import { ScaledLog } from "../../../support/scaled-stage.ts";
import { ScalerClient, type ScaledObject } from "../../../support/scaler-client.ts";

const SOON = { timeout: 30_000, interval: 2 };
const IDLE_LOOKS = LIMITS.autoscaleIdleMs / 1000;
const MAIN = { metadata: { stage: "main" } };

let log: ScaledLog;
let targets: ReturnType<typeof createWatchedTargets>;
let server: ScalerServer;
let client: ScalerClient;
let lines: string[];
let metrics: ReturnType<typeof createMetrics>;

beforeEach(async () => {
  log = new ScaledLog();
  lines = [];
  metrics = createMetrics();
  const say = (_: object, text: string): void => void lines.push(text);
  const logger = { ...silentLogger, info: say, warn: say, error: say };
  targets = createWatchedTargets({
    log,
    groups: log.groups,
    threadsOfStage: () => log.threadsPerPod,
    clock: log.clock,
    logger,
    metrics,
    intervalMs: 1,
  });
  server = createScalerServer({ listen: { host: "127.0.0.1", port: 0 }, targets, logger, metrics });
  await server.start();
  client = new ScalerClient(server.port ?? 0);
});

afterEach(async () => {
  client.close();
  await server.stop(AbortSignal.timeout(1000));
  await targets.stop(AbortSignal.timeout(1000));
});

const looks = async (count: number): Promise<void> => {
  const until = log.looks + count;
  await expect.poll(() => log.looks, SOON).toBeGreaterThanOrEqual(until);
};
const following = (object: ScaledObject = MAIN) => {
  const followed = client.follow(object);
  return { ...followed, states: () => followed.states.map(({ isActive }) => isActive) };
};
const value = (name: string) => metrics.snapshot().find((sample) => sample.name === name)?.value;
const failureOf = (question: Promise<unknown>) => question.catch((error: unknown) => error);

describe("a stage that pods work", () => {
  it("keeps the pods that it has when somebody begins to ask", async () => {
    log.pods = 3;
    expect(await client.metric(MAIN)).toBe(3);
    expect(await client.isActive(MAIN)).toBe(true);
  });

  it("is let go when nothing comes, and active again with the next record", async () => {
    log.pods = 2;
    const { states } = following();
    await expect.poll(states, SOON).toEqual([true, false]);
    expect(await client.metric(MAIN)).toBe(0);
    expect(log.looks).toBeGreaterThan(IDLE_LOOKS);
    log.append(2);
    await expect.poll(states, SOON).toEqual([true, false, true]);
    expect(await client.metric(MAIN)).toBe(1);
  });

  it("is not let go before the last timer has fired, however late that is", async () => {
    log.pods = 1;
    log.commit("main", { topic: "telemetry", partition: 1, offset: 0 }, log.at + 1000 * LIMITS.autoscaleIdleMs);
    const { states } = following();
    await looks(2 * IDLE_LOOKS);
    expect(states()).toEqual([true]);
    log.commit("main", { topic: "telemetry", partition: 1, offset: 0 }, null);
    await expect.poll(states, SOON).toEqual([true, false]);
  });

  it("is active at once when a timer stands and there is no pod", async () => {
    log.commit("main", { topic: "telemetry", partition: 0, offset: 0 }, log.at + 1000 * LIMITS.autoscaleIdleMs);
    const { states } = following();
    await expect.poll(() => states().at(-1), SOON).toBe(true);
    expect(await client.metric(MAIN)).toBe(1);
  });

  it("stays while another stage of its pods has something to do, which nobody asks for", async () => {
    log.pods = 1;
    for (const partition of [0, 1, 2, 3]) log.commit("fn-own", { topic: "readings", partition, offset: 0 }, null);
    log.append(0, "readings");
    const { states } = following();
    await looks(2 * IDLE_LOOKS);
    expect(states()).toEqual([true]);
    log.commit("fn-own", { topic: "readings", partition: 0, offset: 1 }, null);
    await expect.poll(states, SOON).toEqual([true, false]);
  });

  it("is not let go where one pod is the least", async () => {
    log.pods = 1;
    const { states } = following({ metadata: { stage: "main", minReplicas: "1" } });
    await looks(2 * IDLE_LOOKS);
    expect(states()).toEqual([true]);
  });
});

describe("the number of pods", () => {
  /** All pods always work, and do ten records a second each. */
  const work = async (whenWorked: (second: number) => void): Promise<() => void> => {
    let position = 0;
    let seconds = 0;
    const inner = log.status.bind(log);
    log.status = () => {
      seconds += 1;
      position += (10 * Math.max(1, log.pods * log.threadsPerPod)) / log.partitionCount;
      whenWorked(seconds);
      for (const partition of [0, 1, 2, 3]) {
        const told = {
          worker: String(partition % log.threadsPerPod),
          busySeconds: seconds,
          threads: log.threadsPerPod,
        };
        log.commit("main", { topic: "telemetry", partition, offset: Math.floor(position) }, null, told);
      }
      return inner();
    };
    log.arrivals = 100;
    await Promise.resolve();
    return () => (log.status = inner);
  };

  it("goes up with the load, and never beyond what partitions and pods' threads allow", async () => {
    log.pods = 1;
    log.threadsPerPod = 2;
    const ends = await work(() => undefined);
    const pods = () => client.metric({ metadata: { stage: "main", maxReplicas: "100" } });
    await expect.poll(pods, SOON).toBe(2);
    await looks(200);
    expect(await pods()).toBe(2);
    expect(await client.metric({ metadata: { stage: "main", maxReplicas: "1" } })).toBe(1);
    ends();
  });

  it("is only said in a dry run, and the answer is what there is", async () => {
    log.pods = 1;
    const ends = await work(() => undefined);
    const dry = { metadata: { stage: "main", dryRun: "true" } };
    expect(await client.metric(dry)).toBe(1);
    const said = "the stage would be scaled; this is a dry run";
    await expect.poll(() => lines, SOON).toContain(said);
    expect(await client.metric(dry)).toBe(1);
    expect(lines).not.toContain("another number of pods is asked for");
    // One more for a moment, while another is replaced.
    log.pods = 2;
    await looks(10);
    expect(await client.metric(dry)).toBe(1);
    await expect.poll(() => client.metric(dry), SOON).toBe(2);
    ends();
  });

  it("holds, and says why, when processors do not tell how long they have worked", async () => {
    log.pods = 1;
    const { states } = following();
    await expect.poll(states, SOON).toEqual([true]);
    expect(value("millrace_scaler_work_told")).toBe(1);
    log.append(0);
    log.append(0);
    log.commit("main", { topic: "telemetry", partition: 0, offset: 0 }, null);
    await looks(2);
    log.commit("main", { topic: "telemetry", partition: 0, offset: 1 }, null);
    await expect.poll(() => value("millrace_scaler_work_told"), SOON).toBe(0);
    expect(lines.filter((line) => line.startsWith("processors do not tell"))).toHaveLength(1);
    expect(await client.metric(MAIN)).toBe(1);
    const told = { worker: "w", busySeconds: 1, threads: 1 };
    log.commit("main", { topic: "telemetry", partition: 0, offset: 2 }, null, told);
    await expect.poll(() => value("millrace_scaler_work_told"), SOON).toBe(1);
  });
});

describe("what cannot be answered", () => {
  it("is what was answered before while the log is away, with a reason for /readyz", async () => {
    log.pods = 2;
    expect(await client.metric(MAIN)).toBe(2);
    log.failure = new MillraceError("LOG_LOST", "no broker answers");
    const reason = "stage main cannot be measured for the scaler, the answer stays 2: no broker answers";
    await expect.poll(() => targets.notReadyReasons(), SOON).toEqual([reason]);
    expect(await client.metric(MAIN)).toBe(2);
    expect(await client.isActive(MAIN)).toBe(true);
    log.failure = null;
    await expect.poll(() => targets.notReadyReasons(), SOON).toEqual([]);
  });

  it("is UNAVAILABLE when nothing was measured yet", async () => {
    log.failure = new MillraceError("LOG_LOST", "no broker answers");
    expect(await failureOf(client.metric(MAIN))).toMatchObject({
      code: status.UNAVAILABLE,
      details: "stage main has not been measured yet: no broker answers. Ask again; /readyz says what keeps it.",
    });
    log.pods = 1;
    log.failure = null;
    await expect.poll(() => failureOf(client.metric(MAIN)), SOON).toBe(1);
  });

  it.each([
    [{}, "stage Invalid input"],
    [{ stage: "Main" }, 'stage must be lower-case letters, digits and "-", a letter first'],
    [{ stage: "main", minReplicas: "-1" }, "minReplicas must be a whole number"],
    [{ stage: "main", maxReplicas: "0" }, "maxReplicas must be above 0"],
    [{ stage: "main", maxReplicas: "1025" }, "maxReplicas must be at most 1024"],
    [{ stage: "main", minReplicas: "3", maxReplicas: "2" }, "minReplicas must not be above maxReplicas"],
    [{ stage: "main", dryRun: "yes" }, 'dryRun must be "true" or "false"'],
    [{ stage: "main", dryrun: "true" }, 'Unrecognized key: "dryrun"'],
  ])("is INVALID_ARGUMENT for a trigger that says %j", async (metadata, text) => {
    const error = await failureOf(client.metricSpec({ metadata }));
    expect(error).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining(text) });
    expect(error).toMatchObject({ details: expect.stringContaining("Set stage to main, functions, joins") });
    expect(log.looks).toBe(0);
  });

  it("is a stage that nobody has deployed anything to, and one that has begun is none of these", async () => {
    const own = { metadata: { stage: "own" } };
    expect(await failureOf(client.metric(own))).toMatchObject({ code: status.INVALID_ARGUMENT });
    for (const partition of [0, 1, 2, 3]) log.commit("fn-own", { topic: "readings", partition, offset: 0 }, null);
    expect(await client.metric(own)).toBe(0);
    log.append(1, "readings");
    await expect.poll(() => client.metric(own), SOON).toBe(1);
  });

  it("leaves what lies in the input of a stage that has not begun alone", async () => {
    log.append(0, "readings");
    const functions = { metadata: { stage: "functions" } };
    const { states } = following(functions);
    await expect.poll(states, SOON).toEqual([false]);
    log.append(0, "readings");
    await looks(2);
    expect(states()).toEqual([false]);
    expect(await client.metric(functions)).toBe(0);
  });

  it("is RESOURCE_EXHAUSTED beyond so many targets and streams, and room again when streams end", async () => {
    const kinds = Array.from({ length: LIMITS.scalerTargetsMax }, (_, index) => ({
      metadata: { stage: "main", maxReplicas: String(index + 1) },
    }));
    await Promise.all(kinds.map((object) => client.metric(object)));
    const beyond = { metadata: { stage: "main", maxReplicas: "1000" } };
    expect(await failureOf(client.metric(beyond))).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    const [first] = kinds;
    const streams = Array.from({ length: LIMITS.scalerStreamsMax }, () => client.follow(first ?? MAIN));
    await expect.poll(() => streams.every(({ states }) => states.length > 0), SOON).toBe(true);
    expect(await client.follow(first ?? MAIN).ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    streams[0]?.cancel();
    await expect.poll(() => value("millrace_scaler_streams"), SOON).toBe(LIMITS.scalerStreamsMax - 1);
    const again = client.follow(first ?? MAIN);
    await expect.poll(() => again.states.length, SOON).toBe(1);
  });
});

it("ends the streams of its clients when it stops", async () => {
  const followed = client.follow(MAIN);
  await expect.poll(() => followed.states.length, SOON).toBe(1);
  await server.stop(AbortSignal.timeout(5000));
  expect(await followed.ended).toBeNull();
  expect(server.port).toBeNull();
});

it("says which port is taken", async () => {
  const taken = { host: "127.0.0.1", port: server.port ?? 0 };
  const second = createScalerServer({ listen: taken, targets, logger: silentLogger, metrics });
  await expect(second.start()).rejects.toMatchObject({ code: "PORT_IN_USE" });
});
