import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { silentLogger } from "../../core/logger.ts";
import { createMetrics } from "../../core/metrics.ts";
import { createPlatformaticClient } from "../../log/kafka/platformatic-client.ts";
import { mainStage } from "../../processors/main-stage.ts";
import { createStageRunner, type StageRunner } from "../../runtime/stage-runner.ts";
import { openTestKafkaLog, startKafka } from "../../test/support/kafka-servers.ts";
import { describeMachine } from "../machine.ts";
import type { AssignmentListener } from "../../core/consumer-group.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { RecordInput } from "../../core/record.ts";
import type { OpenKafkaLog } from "../../log/kafka/open-kafka-log.ts";

/**
 * `npm run bench:resume`: how long a partition rests when it moves between two processors, from the call that takes it away to the first
 * record that is committed elsewhere. The partition's devices have sent two readings each; each has the log through connections of its own.
 */
const { values } = parseArgs({
  options: { keys: { type: "string", default: "100000" }, runs: { type: "string", default: "5" } },
});
const KEYS = Number(values.keys);
const BATCH = 500;
const T0 = Date.UTC(2026, 0, 1);

interface Member {
  readonly runner: StageRunner;
  readonly dealt: AssignmentListener;
  readonly log: OpenKafkaLog;
  /** Where its last commit ended. */
  committed(): number;
  warmBytes(): number;
}

const servers = await startKafka(1);
const openLog = () => openTestKafkaLog(servers.addresses, createPlatformaticClient, 1, "resume.");
const figures: Record<string, number[]> = { cold: [], warm: [] };
let appended = 0;
try {
  const first = await join();
  await first.dealt.take([0]);
  for (let round = 0; round < 2; round++)
    for (let key = 0; key < KEYS; key += BATCH) await append(first.log, key, BATCH);
  await reached(first);
  for (let run = 0; run < Number(values.runs); run++) {
    const other = await join();
    figures["cold"]?.push(await move(first, other));
    figures["warm"]?.push(await move(other, first));
    await leave(other);
  }
  await leave(first);
} finally {
  await servers.stop();
}
console.log(JSON.stringify(describeMachine()));
for (const [kind, all] of Object.entries(figures)) {
  const sorted = all.toSorted((a, b) => a - b).map((ms) => Math.round(ms));
  console.log(`${kind}: ${sorted[Math.floor(sorted.length / 2)]} ms (${sorted.join(", ")}), ${KEYS} keys`);
}

async function join(): Promise<Member> {
  const log = await openLog();
  const joined: AssignmentListener[] = [];
  const metrics = createMetrics();
  let committed = 0;
  const watched: EventLog = {
    partitionCount: log.partitionCount,
    append: (...args) => log.append(...args),
    claim: (...args) => log.claim(...args),
    status: () => log.status(),
    openReader: (positions) => log.openReader(positions),
    async commit(request) {
      await log.commit(request);
      committed = request.entry.positions[0]?.offset ?? committed;
    },
  };
  const runner = createStageRunner({
    log: watched,
    stage: mainStage,
    groups: {
      join(_consumer, listener) {
        joined.push(listener);
        return { start: () => Promise.resolve(), stop: () => listener.release([0]) };
      },
      members: () => Promise.resolve([]),
    },
    generation: 1,
    monotonic: { now: () => performance.now() },
    logger: silentLogger,
    metrics,
  });
  await runner.start();
  const [dealt] = joined;
  if (dealt === undefined) throw new Error("the runner joined no group");
  const warmBytes = () => metrics.snapshot().find(({ name }) => name === "millrace_stage_warm_bytes")?.value ?? 0;
  return { runner, dealt, log, committed: () => committed, warmBytes };
}

async function leave({ runner, log }: Member): Promise<void> {
  await runner.stop(AbortSignal.timeout(10_000));
  await log.close(AbortSignal.timeout(10_000));
}

/** From the call that takes it from one to the first record that the other has committed: ms. */
async function move(from: Member, to: Member): Promise<number> {
  await append(from.log, 0, 1);
  await reached(from);
  const begun = performance.now();
  await from.dealt.release([0]);
  const released = performance.now();
  await append(to.log, 0, 1);
  await to.dealt.take([0]);
  await reached(to);
  const took = performance.now() - begun;
  console.error(
    `${Math.round(took)} ms, of it ${Math.round(released - begun)} to release; kept: ${from.warmBytes()} bytes`,
  );
  return took;
}

async function append(log: OpenKafkaLog, first: number, count: number): Promise<void> {
  const records = Array.from({ length: count }, (_, index): RecordInput => {
    const timestamp = T0 + Math.floor(appended / KEYS) * 1000;
    appended += 1;
    const values = { temperature: 20 + (index % 7), humidity: 40 + (index % 11) };
    const value = Buffer.from(JSON.stringify({ ts: timestamp, values }));
    return { timestamp, key: `acme/device-${first + index}`, value, headers: [] };
  });
  await log.append("telemetry", 0, records);
}

/** Everything that was appended is committed. */
async function reached({ committed }: Member): Promise<void> {
  while (committed() < appended) await delay(2);
}
