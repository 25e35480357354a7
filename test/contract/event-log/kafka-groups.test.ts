import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createKafkajsClient } from "../../../log/kafka/kafkajs-client.ts";
import { createPlatformaticClient } from "../../../log/kafka/platformatic-client.ts";
import { IMPATIENT, noKafka, openTestKafkaLog, startKafka, type KafkaServers } from "../../support/kafka-servers.ts";
import { eventually } from "./log-harness.ts";
import type { Service } from "../../../core/lifecycle.ts";
import type { CreateKafkaClient } from "../../../log/kafka/kafka-client.ts";
import type { OpenKafkaLog } from "../../../log/kafka/open-kafka-log.ts";

const PARTITIONS = 8;
const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition);

describe.skipIf(noKafka !== null)(`partitions dealt out by Kafka (needs ${noKafka ?? "Java and Maven"})`, () => {
  let servers: KafkaServers;
  beforeAll(async () => {
    servers = await startKafka(1, IMPATIENT);
  }, 300_000);
  afterAll(() => servers.stop());

  for (const [name, createClient] of [
    ["@platformatic/kafka", createPlatformaticClient],
    ["kafkajs", createKafkajsClient],
  ] as const) {
    it(`move when members come, leave and die, and nobody has one before the last owner has given it up: ${name}`, async () => {
      const prefix = `groups-${name.replaceAll(/\W/g, "")}.`;
      const first = await joined(createClient, prefix);
      await eventually("all at the first", async () => first.has.size === PARTITIONS);
      const second = await joined(createClient, prefix, first);
      await eventually(
        "a share for each",
        async () => first.has.size === PARTITIONS / 2 && second.has.size === PARTITIONS / 2,
      );
      expect([...first.has, ...second.has].toSorted((a, b) => a - b)).toEqual(ALL);

      await first.member.stop(AbortSignal.timeout(10_000));
      expect(first.has.size).toBe(0);
      await eventually("all at the second", async () => second.has.size === PARTITIONS);
      await first.log.close(AbortSignal.timeout(5000));

      const third = await joined(createClient, prefix);
      await eventually("a share for the third", async () => third.has.size === PARTITIONS / 2);
      // It falls silent, as when its process is killed.
      await second.log.close(AbortSignal.abort());
      await eventually("all at the third", async () => third.has.size === PARTITIONS);
      await third.member.stop(AbortSignal.timeout(10_000));
      await third.log.close(AbortSignal.timeout(5000));
      await second.member.stop(AbortSignal.abort());
    });
  }

  it("go to who follows a member that died, under its id, before that one is missed", async () => {
    const id = randomUUID();
    const dead = await joined(createPlatformaticClient, "follows.", undefined, id);
    await eventually("all at the first", async () => dead.has.size === PARTITIONS);
    await dead.log.close(AbortSignal.abort());
    const next = await joined(createPlatformaticClient, "follows.", undefined, id);
    await eventually("all at the next", async () => next.has.size === PARTITIONS);
    // Else there would be two of them until then.
    expect((await next.log.members("stage:main")).map((member) => member.id)).toEqual([id]);
    await next.member.stop(AbortSignal.timeout(10_000));
    await next.log.close(AbortSignal.timeout(5000));
    await dead.member.stop(AbortSignal.abort());
  });

  async function joined(
    createClient: CreateKafkaClient,
    prefix: string,
    other?: Joined,
    memberId?: string,
  ): Promise<Joined> {
    const log = await openTestKafkaLog(servers.addresses, createClient, PARTITIONS, prefix);
    const has = new Set<number>();
    const listener = {
      async take(partitions: readonly number[]) {
        for (const partition of partitions) {
          expect(other?.has.has(partition) ?? false).toBe(false);
          has.add(partition);
        }
      },
      async release(partitions: readonly number[]) {
        for (const partition of partitions) has.delete(partition);
      },
    };
    const member = log.join("stage:main", listener, memberId);
    await member.start();
    return { log, member, has };
  }
});

interface Joined {
  readonly log: OpenKafkaLog;
  readonly member: Service;
  readonly has: Set<number>;
}
