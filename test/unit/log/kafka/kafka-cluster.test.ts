import { expect, test } from "vitest";
import { KafkaCluster } from "../../../../log/kafka/kafka-cluster.ts";
import { FakeBrokers } from "./fake-brokers.ts";
import type { BrokerAddress, KafkaClient } from "../../../../log/kafka/kafka-client.ts";

test("a broker that does not answer is not asked first again and again", async () => {
  const brokers = new FakeBrokers([1]);
  const asked: number[] = [];
  const client: KafkaClient = {
    connect(address: BrokerAddress) {
      asked.push(address.port);
      return brokers.connect(address);
    },
  };
  const cluster = new KafkaCluster({ client, bootstrap: [{ host: "broker", port: 2 }] });
  cluster.follow(["t"]);
  await cluster.refresh();
  await cluster.refresh();
  brokers.dead.add(1);
  brokers.dead.add(2);
  await cluster.refresh();
  asked.length = 0;
  for (let count = 0; count < 3; count++) await cluster.refresh();
  expect(asked).toEqual([]);
  // Until that one does not answer either.
  brokers.dead.add(3);
  brokers.dead.delete(1);
  await cluster.refresh();
  expect(asked).toContain(1);
  cluster.close();
});
