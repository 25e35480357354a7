import { expect, it } from "vitest";
import { MillraceError } from "../../../../core/errors.ts";
import { silentLogger } from "../../../../core/logger.ts";
import { TOPICS } from "../../../../core/topics.ts";
import { KafkaRetention } from "../../../../log/kafka/kafka-retention.ts";
import { LogGauge } from "../../../../log/kafka/log-gauge.ts";
import { LogTopology } from "../../../../log/topology.ts";

function retentionThat(claim: () => Promise<never>): KafkaRetention {
  const topology = new LogTopology(TOPICS, 1);
  const clock = { now: () => 0 };
  const ceilings = { bytesMax: 1, retentionMs: 1 };
  const gauge = new LogGauge(topology, { ...ceilings, clock });
  const never = (): never => {
    throw new Error("is not called");
  };
  return new KafkaRetention({
    topology,
    gauge,
    clock,
    ...ceilings,
    requiredJournals: [],
    logger: silentLogger,
    claim,
    commit: never,
    journals: never,
    ranges: never,
    read: never,
    deleteBefore: never,
    tell: never,
  });
}

it("is not kept here while another process does, so that this one learns from it how full the log is", async () => {
  const stopping = new AbortController();
  const fenced = retentionThat(() => Promise.reject(new MillraceError("JOURNAL_FENCED", "another one has it")));
  expect(fenced.isKept).toBe(false);
  const running = fenced.run(stopping.signal);
  expect(fenced.isKept).toBe(true);
  await expect.poll(() => fenced.isKept).toBe(false);
  stopping.abort();
  await running;
});
