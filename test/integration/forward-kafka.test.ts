import { afterEach, describe, expect, it } from "vitest";
import { endBroker, startAgain } from "../../deploy/kafka/kafka-cluster.ts";
import { compareReadings, readingSequences } from "../forward-cuts/compare-readings.ts";
import { runEdgeLoad } from "../forward-cuts/edge-load.ts";
import { forwardFigure } from "../forward-cuts/forward-progress.ts";
import { startKafkaPair, type KafkaPair } from "../forward-cuts/kafka-pair.ts";
import { noKafka } from "../support/kafka-servers.ts";
import type { Overview } from "../../core/overview.ts";

const DEVICES = 20;
const WAIT = { timeout: 60_000, interval: 100 };

describe.skipIf(noKafka !== null)(
  `telemetry that goes upstream through a topic (needs ${noKafka ?? "Java and Maven"})`,
  () => {
    let pair: KafkaPair | null = null;
    afterEach(async () => {
      await pair?.dispose();
      pair = null;
    });

    const difference = async ({ edge, cloud }: KafkaPair) => {
      await Promise.all([edge.stop(), cloud.stop()]);
      return compareReadings(await readingSequences(edge.data, 32), await readingSequences(cloud.data, 8));
    };

    it("is the same upstream, each reading once and in order, through kill -9 of edge, relay, cloud and broker", async () => {
      const running = await startKafkaPair();
      pair = running;
      const { edge, cloud, relay, link, kafka } = running;
      const loaded = runEdgeLoad({
        ...edge,
        boxToken: running.boxToken,
        devices: DEVICES,
        messagesPerDevice: 25,
        paceMs: 400,
      });
      const forwarded = () => forwardFigure(edge, "millrace_forward_messages_total");
      await expect.poll(forwarded, WAIT).toBeGreaterThan(10);
      await expect.poll(() => link.bytesUp, WAIT).toBeGreaterThan(200);
      // An envelope arrives upstream, the relay does not hear of it, and is killed: it comes again.
      link.mute();
      const before = link.bytesUp;
      await expect.poll(() => link.bytesUp, WAIT).toBeGreaterThan(before + 200);
      await relay.kill();
      link.mend();
      await relay.start();
      await endBroker(kafka.cluster, 1, "SIGKILL");
      await edge.kill();
      await edge.start();
      await startAgain(kafka.cluster, 1);
      await cloud.kill();
      await cloud.start();
      const sent = await loaded;
      expect([...sent.values()]).toEqual(Array.from({ length: DEVICES }, () => 25));
      await running.caughtUp(90_000);
      const overview = await cloud.api.get<Overview>("/overview");
      expect(overview.ledger.messages.duplicate).toBeGreaterThan(0);
      expect(await relay.stop()).toBe(0);
      expect(await difference(running)).toEqual({ readings: 500, lost: 0, duplicated: 0, disordered: 0 });
    });
  },
);
