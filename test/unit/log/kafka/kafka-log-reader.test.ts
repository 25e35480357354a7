import { expect, test } from "vitest";
import { MillraceError } from "../../../../core/errors.ts";
import { KafkaCluster } from "../../../../log/kafka/kafka-cluster.ts";
import { KafkaLogReader } from "../../../../log/kafka/kafka-log-reader.ts";
import { topicNames } from "../../../../log/kafka/topic-names.ts";
import { FETCH } from "../../../../wire/kafka/fetch.ts";
import { KafkaReader } from "../../../../wire/kafka/kafka-reader.ts";
import { KafkaWriter } from "../../../../wire/kafka/kafka-writer.ts";
import { encodeRecordBatch } from "../../../../wire/record-batch-writer.ts";
import { FakeBrokers } from "./fake-brokers.ts";
import type { BrokerAddress, KafkaClient, KafkaConnection, RawRequest } from "../../../../log/kafka/kafka-client.ts";

interface AskedFetch {
  readonly waitMs: number;
  /** Of the connection it came over, those that had no answer then. */
  readonly waitingBefore: number;
  answer(batches: Buffer): void;
}

/** Brokers that answer everything but fetches, which the test answers. */
class HeldFetches implements KafkaClient {
  readonly asked: AskedFetch[] = [];
  private readonly brokers = new FakeBrokers([1]);

  async connect(address: BrokerAddress): Promise<KafkaConnection> {
    const others = await this.brokers.connect(address);
    const waiting = new Set<(error: unknown) => void>();
    return {
      isOpen: true,
      send: (request) => (request.apiKey === FETCH.key ? this.fetch(request, waiting) : others.send(request)),
      close() {
        for (const reject of waiting) reject(new MillraceError("LOG_LOST", "the connection is closed"));
        waiting.clear();
      },
    };
  }

  private fetch({ body }: RawRequest, waiting: Set<(error: unknown) => void>): Promise<Buffer> {
    const reader = new KafkaReader(Buffer.concat(body));
    reader.int32();
    const waitMs = reader.int32();
    return new Promise((resolve, reject) => {
      const answer = (batches: Buffer): void => {
        waiting.delete(reject);
        resolve(fetched(batches));
      };
      this.asked.push({ waitMs, waitingBefore: waiting.size, answer });
      waiting.add(reject);
    });
  }
}

function fetched(batches: Buffer): Buffer {
  const writer = new KafkaWriter().int32(0).int16(0).int32(0);
  writer.array(["t"], (topic) => {
    writer.string(topic).array([0], (partition) => {
      writer.int32(partition).int16(0).int64(0).int64(0).int64(0);
      writer
        .array([], () => undefined)
        .int32(-1)
        .bytesOf([batches]);
    });
  });
  return writer.finish();
}

async function openReader() {
  const client = new HeldFetches();
  const cluster = new KafkaCluster({ client, bootstrap: [{ host: "broker", port: 1 }] });
  cluster.follow(["t"]);
  await cluster.refresh();
  const names = topicNames("");
  const reader = new KafkaLogReader({ cluster, names, id: 1, check: () => undefined, onCorrupt: () => undefined }, []);
  const at = (offset: number) => reader.seek([{ topic: "t", partition: 0, offset }]);
  return { client, cluster, reader, at };
}

test("what is asked ahead is answered soon: a poll that is not to wait has to wait for it", async () => {
  const { client, cluster, reader, at } = await openReader();
  at(0);
  const polled = reader.poll({ bytesMax: 1000, waitMs: 20_000 });
  await expect.poll(() => client.asked.length).toBe(1);
  expect(client.asked[0]?.waitMs).toBeGreaterThan(900);
  client.asked[0]?.answer(encodeRecordBatch([{ timestamp: 1, key: "k", value: Buffer.from("v"), headers: [] }]));
  expect(await polled).toHaveLength(1);
  await expect.poll(() => client.asked.length).toBe(2);
  expect(client.asked[1]?.waitMs).toBeLessThan(50);
  // A stage that has a record in hand polls so before it closes its unit.
  const next = reader.poll({ bytesMax: 1000, waitMs: 0 });
  client.asked[1]?.answer(Buffer.alloc(0));
  expect(await next).toEqual([]);
  cluster.close();
});

test("a fetch waits behind none of an earlier seek, however many there are", async () => {
  const { client, cluster, reader, at } = await openReader();
  for (let seek = 1; seek <= 6; seek += 1) {
    at(seek);
    const poll = new AbortController();
    const polled = reader.poll({ bytesMax: 1000, waitMs: 1000, signal: poll.signal });
    await expect.poll(() => client.asked.length).toBe(seek);
    poll.abort();
    expect(await polled).toEqual([]);
  }
  expect(client.asked.map(({ waitingBefore }) => waitingBefore)).toEqual([0, 0, 0, 0, 0, 0]);
  cluster.close();
});
