import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HEADER } from "../../core/record.ts";
import { runMillraceAsync, startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { openInstanceLog, visitTopic } from "../support/log-dump.ts";
import { instanceApi, type InstanceApi } from "../support/replay-run.ts";
import { eventually } from "../support/stage-on-log.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { AuditReport } from "../../core/audit-report.ts";
import type { QueuedDeadLetter } from "../../core/dead-letter-queue.ts";
import type { RawReading } from "../../core/history.ts";
import type { Rollout } from "../../core/rollout.ts";

const DEVICES = Array.from({ length: 30 }, (_, n) => `device-${String(n).padStart(2, "0")}`);
const T0 = Date.now() - 3_600_000;
const ROLLED_BACK_MS = 90_000;

/** Counts the readings of a device, so that its state shows whether any was left out or came twice. */
const source = (version: number, onReading = ""): string => `
import { defineStream, z } from "millrace/function";
export const counting = defineStream({
  name: "counting",
  input: z.object({ n: z.number() }),
  state: z.object({ seen: z.number() }),
  initial: () => ({ seen: 0 }),
  process({ metrics }, { seen }) {
    ${onReading}
    return { state: { seen: seen + 1 }, emit: { doubled: metrics.n * 2, seen: seen + 1, by: ${version} } };
  },
});
`;

describe.skipIf(!hasChdb())(`a canary in a running instance ${CHDB_TITLE}`, { timeout: 240_000 }, () => {
  const directory = temporaryDirectory();
  const data = join(directory.path, "data");
  let instance: Instance;
  let api: InstanceApi;
  let rounds = 0;

  const millrace = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runMillraceAsync([...args, "--data", data]);
    if (code !== 0) throw new Error(`millrace ${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  const deploy = async (text: string, ...flags: readonly string[]): Promise<string> => {
    const file = join(directory.path, "counting.ts");
    writeFileSync(file, text);
    return millrace("deploy", file, "--yes", "--no-shadow", ...flags);
  };
  const start = async (): Promise<void> => {
    instance = await startInstance({ data, environment: { MILLRACE_FUNCTION_TIMEOUT_MS: "500" } });
    api = instanceApi(data);
  };
  /** One reading of every device: n is the round. */
  const sendRound = async (): Promise<void> => {
    rounds += 1;
    await Promise.all(
      DEVICES.map(async (device) => {
        const response = await fetch(`${instance.ready.ingest}/v1/telemetry`, {
          method: "POST",
          headers: { authorization: `Bearer token-of-${device}`, "content-type": "application/json" },
          body: JSON.stringify({ ts: T0 + rounds * 1000, values: { n: rounds } }),
        });
        expect(response.status).toBeLessThan(300);
      }),
    );
  };
  const rollout = async (): Promise<Rollout | undefined> =>
    (await api.get<{ items: Rollout[] }>("/functions/rollouts")).items[0];
  /** Sends until the canary has ended. */
  const untilEnded = async (): Promise<Rollout> => {
    for (const deadline = Date.now() + ROLLED_BACK_MS; ; await sleep(300)) {
      await sendRound();
      const now = await rollout();
      if (now !== undefined && now.outcome !== null) return now;
      if (Date.now() > deadline) throw new Error(`the canary goes on: ${JSON.stringify(now)} ${instance.stderr()}`);
    }
  };
  /** What the tables hold of a device, by the reading's number. */
  const stored = async (device: string, metric: string): Promise<readonly number[]> => {
    const to = T0 + (rounds + 1) * 1000;
    const { items } = await api.get<{ items: readonly RawReading[] }>(
      `/devices/${device}/readings?from=${T0}&to=${to}&limit=1000`,
    );
    const own = items.filter((one) => one.metric === metric).toSorted((a, b) => a.ts - b.ts);
    return own.map(({ value }) => Number(value));
  };
  const numbers = (): number[] => Array.from({ length: rounds }, (_, n) => n + 1);
  /** Every reading of every device was worked once, in order, by one version or the other. */
  const expectNothingLost = async (): Promise<void> => {
    for (const device of DEVICES) {
      await eventually(async () => (await stored(device, "doubled")).length === rounds, 60_000);
      expect(await stored(device, "doubled")).toEqual(numbers().map((n) => n * 2));
      expect(await stored(device, "seen")).toEqual(numbers());
    }
  };
  /** The devices for which this version has made something. */
  const devicesBy = async (version: number): Promise<readonly string[]> => {
    const made = await Promise.all(DEVICES.map(async (device) => [device, await stored(device, "by")] as const));
    return made.flatMap(([device, by]) => (by.includes(version) ? [device] : []));
  };
  const letters = async (): Promise<readonly QueuedDeadLetter[]> =>
    (await api.get<{ items: readonly QueuedDeadLetter[] }>("/dead-letters/queue")).items;

  beforeAll(async () => {
    await start();
    await api.post("/devices/import", { devices: DEVICES.map((id) => ({ id, token: `token-of-${id}` })) });
    await deploy(source(1));
    for (let n = 0; n < 3; n += 1) await sendRound();
  }, 120_000);
  afterAll(async () => {
    await instance?.stop();
    directory.dispose();
  });

  it("that throws is taken back by itself, and its devices lose nothing", async () => {
    await deploy(source(2, 'throw new Error("a mistake");'), "--canary", "--share", "20,50,100", "--step", "60s");
    const ended = await untilEnded();
    expect(ended).toMatchObject({ version: 2, live: 1, step: 0, outcome: "rolled-back" });
    expect(ended.reason).toMatch(/^it failed on \d+ of \d+ calls/);
    await sendRound();
    await expectNothingLost();
    await eventually(async () => (await letters()).length > 0);
    const failed = new Set((await letters()).map(({ device }) => device));
    expect(failed.size).toBeGreaterThan(0);
    expect(failed.size).toBeLessThan(DEVICES.length / 2);
    expect((await letters()).map((one) => [one.function, one.version])).toEqual(
      (await letters()).map(() => ["counting@canary", 2]),
    );
    expect(await devicesBy(1)).toEqual(DEVICES);
    expect(await millrace("versions", "counting")).toMatch(
      /counting +2 +taken back [^]*counting +1 +live[^]*canary counting@2 beside counting@1 was taken back by itself at .*: it failed/,
    );
  });

  it("that never comes back from a call is taken back, and its devices lose nothing", async () => {
    await deploy(source(3, "for (;;);"), "--canary", "--share", "20", "--step", "60s");
    const ended = await untilEnded();
    expect(ended).toMatchObject({ version: 3, outcome: "rolled-back" });
    expect(ended.reason).toContain("cost its thread");
    await sendRound();
    await expectNothingLost();
    expect(await devicesBy(3)).toEqual([]);
  });

  it("that does well goes from share to share across a kill, and is live in the end", async () => {
    await deploy(source(4), "--canary", "--share", "30,100", "--step", "2s");
    await sendRound();
    expect(await rollout()).toMatchObject({ version: 4, step: 0, outcome: null });
    expect(await millrace("versions")).toMatch(/counting +4 +canary/);
    await instance.kill();
    await start();
    const inFirstShare = rounds;
    expect(await untilEnded()).toMatchObject({ version: 4, step: 1, outcome: "promoted" });
    await sendRound();
    await expectNothingLost();
    for (const device of DEVICES) expect((await stored(device, "by")).at(-1)).toBe(4);
    const early = await Promise.all(DEVICES.map(async (device) => (await stored(device, "by"))[inFirstShare - 1]));
    expect(early.filter((by) => by === 4).length).toBeGreaterThan(0);
    expect(early.filter((by) => by === 1).length).toBeGreaterThan(DEVICES.length / 3);
    expect(await api.get<AuditReport>("/audit")).toMatchObject({ balanced: true, storedOnce: true });
  });

  it("is promoted, or taken back, when somebody says so", async () => {
    await deploy(source(5), "--canary", "--share", "50", "--step", "1h");
    await sendRound();
    expect(await millrace("promote", "counting")).toContain("counting@5 runs from here on, for all devices");
    await deploy(source(6), "--canary", "--share", "100", "--step", "1h");
    await sendRound();
    expect(await millrace("rollback", "counting")).toContain("counting@5 runs from here on");
    await sendRound();
    await expectNothingLost();
    for (const device of DEVICES) expect((await stored(device, "by")).slice(-2)).toEqual([6, 5]);
  });

  it("has left its version with each of its readings in the log", async () => {
    await instance.stop();
    const log = await openInstanceLog(data);
    const counts = new Map<string, number>();
    await visitTopic(log, "readings", (record) => {
      if (record.header(HEADER.source)?.startsWith("functions ") !== true) return;
      const version = record.header(HEADER.functionVersion) ?? "";
      counts.set(version, (counts.get(version) ?? 0) + 1);
    });
    await log.close(AbortSignal.timeout(5000));
    expect([...counts.keys()].sort()).toEqual(["counting@1", "counting@4", "counting@5", "counting@6"]);
    expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBe(rounds * DEVICES.length);
  });
});
