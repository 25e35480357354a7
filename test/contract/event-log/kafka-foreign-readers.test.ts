import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bootstrapOf } from "../../../deploy/kafka/kafka-cluster.ts";
import { createPlatformaticClient } from "../../../log/kafka/platformatic-client.ts";
import { TOPICS } from "../../../core/topics.ts";
import { noKafka, openTestKafkaLog, startKafka, type KafkaServers } from "../../support/kafka-servers.ts";
import { text } from "./log-harness.ts";
import type { OpenKafkaLog } from "../../../log/kafka/open-kafka-log.ts";

const hasKcat = spawnSync("kcat", ["-V"]).status === 0;
const PREFIX = "foreign.";
const QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error";

describe.skipIf(noKafka !== null)(
  `what foreign clients see of a log on Kafka (needs ${noKafka ?? "Java and Maven"})`,
  () => {
    let servers: KafkaServers;
    let log: OpenKafkaLog;
    const brokers = () => bootstrapOf(servers.cluster);

    beforeAll(async () => {
      servers = await startKafka(1);
      log = await openTestKafkaLog(servers.addresses, createPlatformaticClient, 2, PREFIX);
      const outputs = TOPICS.filter((topic) => topic !== "telemetry").map((topic) => {
        return { topic, partition: 1, records: [text(`one of ${topic}`)] };
      });
      await log.append("telemetry", 1, [text("one of telemetry"), text("another")]);
      const journal = { name: "stage:main", partition: 1 };
      const { epoch } = await log.claim(journal);
      const positions = [{ topic: "telemetry", partition: 1, offset: 1 }];
      const entry = { kind: "unit" as const, positions, nextTimer: 5, body: new TextEncoder().encode("the unit") };
      await log.commit({ journal, epoch, entry, outputs });
      await log.close(AbortSignal.timeout(5000));
    }, 300_000);
    afterAll(() => servers.stop());

    it.skipIf(!hasKcat)("kcat reads every topic, keys and headers too (needs kcat)", () => {
      for (const topic of TOPICS) {
        expect(kcat(`${PREFIX}${topic}`)).toContain(`acme/pump-1 client=c1 one of ${topic}\n`);
      }
      expect(kcat(`${PREFIX}journal.stage.main`)).toMatch(
        /kind=claim[^]*kind=unit,epoch=0,n=0,pos=\[\["telemetry",1,1\]\],timer=5 the unit/,
      );
      expect(kcat(`${PREFIX}installation`)).toMatch(/\{"v":1,"id":"test","partitions":2,"generation":1\}/);
    });

    it("Kafka's console consumer reads a topic", () => {
      const limits = ["--from-beginning", "--max-messages", "1", "--timeout-ms", "20000"];
      const format = ["--formatter-property", "print.headers=true", "--formatter-property", "print.key=true"];
      const main = "org.apache.kafka.tools.consumer.ConsoleConsumer";
      const read = tool(main, ["--topic", `${PREFIX}readings`, ...limits, ...format]);
      expect(read).toContain("client:c1\tacme/pump-1\tone of readings");
    });

    it("Kafka's tool for consumer groups tells the lag", () => {
      const main = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
      const described = tool(main, ["--describe", "--group", `${PREFIX}stage.main`]);
      expect(described).toMatch(/foreign\.stage\.main +foreign\.telemetry +1 +1 +2 +1 /);
    });

    function kcat(topic: string): string {
      const format = ["-f", String.raw`%k %h %s\n`];
      return spawnSync("kcat", [
        "-b",
        brokers(),
        "-t",
        topic,
        "-C",
        "-o",
        "beginning",
        "-e",
        ...format,
      ]).stdout.toString();
    }

    function tool(main: string, args: readonly string[]): string {
      const java = [QUIET, "-cp", `${servers.cluster.libraries}/*`, main, "--bootstrap-server", brokers(), ...args];
      return spawnSync("java", java).stdout.toString();
    }
  },
);
