import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { MillraceError } from "../../../../core/errors.ts";
import { LIMITS } from "../../../../core/limits.ts";
import { KafkaCluster } from "../../../../log/kafka/kafka-cluster.ts";
import { KafkaProducer } from "../../../../log/kafka/kafka-producer.ts";
import { KAFKA_ERROR } from "../../../../wire/kafka/kafka-errors.ts";
import { FakeBrokers, type ProduceAnswer } from "./fake-brokers.ts";

const producers: KafkaProducer[] = [];
afterEach(async () => {
  for (const producer of producers.splice(0)) await producer.close(AbortSignal.abort());
});

async function start(brokers: FakeBrokers, appendTimeoutMs = 10_000): Promise<KafkaProducer> {
  const cluster = new KafkaCluster({ client: brokers, bootstrap: [{ host: "broker", port: 1 }] });
  cluster.follow(["t"]);
  await cluster.refresh();
  const producer = new KafkaProducer({ cluster, appendTimeoutMs, compression: "none", onAppended: () => undefined });
  producers.push(producer);
  await producer.start();
  return producer;
}

function append(producer: KafkaProducer, partition: number, value: string): Promise<number> {
  const record = { timestamp: 1, key: null, value: Buffer.from(value), headers: [] };
  const appended = producer.append("t", partition, [record], 100);
  // Looked at later; until then a rejection is nobody's.
  appended.catch(() => undefined);
  return appended;
}

const error = (errorCode: number): ProduceAnswer => ({ errorCode, baseOffset: -1 });
const lost = (): Promise<ProduceAnswer> => Promise.reject(new MillraceError("LOG_IO", "the connection is gone"));

/** Answers each of the first attempts of a partition as told, and all later ones with a place in the log. */
function firstAnswers(
  brokers: FakeBrokers,
  partition: number,
  answers: (() => ProduceAnswer | Promise<ProduceAnswer>)[],
) {
  brokers.onProduce = (batch) => {
    const answer = batch.partition === partition ? answers.shift() : undefined;
    return answer === undefined ? brokers.append(batch) : answer();
  };
}

const attempts = (brokers: FakeBrokers, partition: number) =>
  brokers.produced.flatMap(({ batches }) => batches).filter((batch) => batch.partition === partition);

describe("what is appended in one turn", () => {
  test("goes in one request per leader, in one batch per partition", async () => {
    const brokers = new FakeBrokers([1, 1, 2]);
    const producer = await start(brokers);
    const offsets = await Promise.all([0, 1, 2, 0, 2].map((partition) => append(producer, partition, "x")));
    expect(offsets).toEqual([0, 0, 0, 1, 1]);
    const sizes = brokers.produced.map(({ broker, batches }) => [broker, batches.map(({ values }) => values.length)]);
    expect(sizes).toEqual([
      [1, [2, 1]],
      [2, [2]],
    ]);
  });

  test("waits while a request is under way to its leader, and another leader does not wait", async () => {
    const brokers = new FakeBrokers([1, 1, 2]);
    const producer = await start(brokers);
    const gate = Promise.withResolvers<void>();
    brokers.onProduce = async (batch, broker) => {
      if (broker === 1) await gate.promise;
      return brokers.append(batch);
    };
    const held = append(producer, 0, "a");
    await expect.poll(() => brokers.produced.length, { interval: 1 }).toBe(1);
    const behind = [append(producer, 0, "b"), append(producer, 1, "c")];
    expect(await append(producer, 2, "d")).toBe(0);
    expect(brokers.produced.filter(({ broker }) => broker === 1)).toHaveLength(1);
    gate.resolve();
    expect(await Promise.all([held, ...behind])).toEqual([0, 1, 0]);
    expect(
      brokers.produced
        .at(-1)
        ?.batches.flatMap(({ values }) => values)
        .toSorted(),
    ).toEqual(["b", "c"]);
  });

  test("is LOG_FULL when more waits than the limit allows", async () => {
    const brokers = new FakeBrokers([1]);
    const producer = await start(brokers);
    const record = { timestamp: 1, key: null, value: Buffer.alloc(1), headers: [] };
    await expect(producer.append("t", 0, [record], LIMITS.appendQueueBytesMax + 1)).rejects.toMatchObject({
      code: "LOG_FULL",
    });
    expect(await append(producer, 0, "a")).toBe(0);
  });
});

describe("a partition whose batch fails", () => {
  test("does not hold up the others of its request", async () => {
    const brokers = new FakeBrokers([1, 1]);
    const producer = await start(brokers);
    firstAnswers(
      brokers,
      0,
      Array.from({ length: 3 }, () => () => error(KAFKA_ERROR.notLeaderOrFollower)),
    );
    const failing = append(producer, 0, "a");
    expect(await append(producer, 1, "b")).toBe(0);
    expect(await append(producer, 1, "c")).toBe(1);
    expect(attempts(brokers, 0)).toHaveLength(1);
    expect(await failing).toBe(0);
    expect(attempts(brokers, 1)).toHaveLength(2);
  });

  test("sends it to the new leader, with the same sequence", async () => {
    const brokers = new FakeBrokers([1]);
    const producer = await start(brokers);
    brokers.onProduce = (batch, broker) => {
      brokers.leaders = [2];
      return broker === 2 ? brokers.append(batch) : error(KAFKA_ERROR.notLeaderOrFollower);
    };
    expect(await append(producer, 0, "a")).toBe(0);
    expect(brokers.produced.map(({ broker }) => broker)).toEqual([1, 2]);
    expect(attempts(brokers, 0).map(({ sequence }) => sequence)).toEqual([0, 0]);
  });

  test("waits for a leader while there is none", async () => {
    const brokers = new FakeBrokers([-1]);
    const producer = await start(brokers);
    const waiting = append(producer, 0, "a");
    await delay(120);
    expect(brokers.produced).toEqual([]);
    brokers.leaders = [3];
    expect(await waiting).toBe(0);
    expect(brokers.produced.map(({ broker }) => broker)).toEqual([3]);
  });

  test("sends nothing later before it is acknowledged, also when nobody waits for it any more", async () => {
    const brokers = new FakeBrokers([1]);
    const producer = await start(brokers, 200);
    let isDown = true;
    brokers.onProduce = (batch) => (isDown ? lost() : brokers.append(batch));
    const first = expect(append(producer, 0, "a")).rejects.toMatchObject({
      code: "LOG_IO",
      message: expect.stringMatching(/within 200 ms: it may have them/),
    });
    await expect.poll(() => brokers.produced.length, { interval: 1 }).toBeGreaterThan(0);
    const second = expect(append(producer, 0, "b")).rejects.toMatchObject({ code: "LOG_IO" });
    await Promise.all([first, second]);
    isDown = false;
    expect(await append(producer, 0, "c")).toBe(1);
    expect(brokers.logs.get(0)).toEqual(["a", "c"]);
    expect(new Set(attempts(brokers, 0).map(({ sequence, values }) => `${sequence} ${values.join()}`))).toEqual(
      new Set(["0 a", "1 c"]),
    );
  });
});

describe("a batch that may be in the log already", () => {
  test("is sent again as it was, and acknowledged once", async () => {
    const brokers = new FakeBrokers([1]);
    const producer = await start(brokers);
    firstAnswers(brokers, 0, [lost]);
    expect(await append(producer, 0, "a")).toBe(0);
    const [first, again] = attempts(brokers, 0);
    expect(again).toEqual(first);
  });

  test("whose place the broker has forgotten is an error, and the next one takes the next sequence", async () => {
    const brokers = new FakeBrokers([1]);
    const producer = await start(brokers);
    firstAnswers(brokers, 0, [lost, () => error(KAFKA_ERROR.duplicateSequence)]);
    await expect(append(producer, 0, "a")).rejects.toMatchObject({ code: "LOG_IO" });
    await append(producer, 0, "b");
    expect(attempts(brokers, 0).map(({ sequence }) => sequence)).toEqual([0, 0, 1]);
  });

  test("and is refused then leaves its sequence to nobody, lest the next be taken for it", async () => {
    const brokers = new FakeBrokers([1]);
    const producer = await start(brokers);
    firstAnswers(brokers, 0, [lost, () => error(KAFKA_ERROR.topicAuthorizationFailed)]);
    await expect(append(producer, 0, "a")).rejects.toMatchObject({ code: "LOG_IO" });
    expect(await append(producer, 0, "b")).toBe(0);
    const [first, , last] = attempts(brokers, 0);
    expect(last).toMatchObject({ sequence: 0, values: ["b"] });
    expect(last?.producer).not.toBe(first?.producer);
  });
});

describe("a batch that the broker does not want", () => {
  test("is refused for good, and the next one takes its sequence", async () => {
    const brokers = new FakeBrokers([1]);
    const producer = await start(brokers);
    firstAnswers(brokers, 0, [() => error(KAFKA_ERROR.messageTooLarge)]);
    await expect(append(producer, 0, "a")).rejects.toMatchObject({
      message: expect.stringMatching(/MESSAGE_TOO_LARGE/),
    });
    expect(await append(producer, 0, "b")).toBe(0);
    expect(attempts(brokers, 0).map(({ sequence, producer: id }) => [id, sequence])).toEqual([
      [1, 0],
      [1, 0],
    ]);
  });

  test("because it does not know the sequence any more goes under another producer id, from 0", async () => {
    const brokers = new FakeBrokers([1]);
    const producer = await start(brokers);
    await append(producer, 0, "a");
    firstAnswers(brokers, 0, [() => error(KAFKA_ERROR.outOfOrderSequence)]);
    expect(await append(producer, 0, "b")).toBe(1);
    expect(attempts(brokers, 0).map(({ sequence, producer: id }) => [id, sequence])).toEqual([
      [1, 0],
      [1, 1],
      [2, 0],
    ]);
  });

  test("waits for a producer id while no broker gives one", async () => {
    const brokers = new FakeBrokers([1]);
    const producer = await start(brokers);
    brokers.refusesProducers = true;
    firstAnswers(brokers, 0, [() => error(KAFKA_ERROR.unknownProducerId)]);
    const waiting = append(producer, 0, "a");
    await delay(200);
    expect(attempts(brokers, 0)).toHaveLength(1);
    brokers.refusesProducers = false;
    expect(await waiting).toBe(0);
    expect(attempts(brokers, 0).map(({ producer: id }) => id)).toEqual([1, 2]);
  });
});

describe("a producer that closes", () => {
  test("lets what was appended land, and takes nothing more", async () => {
    const brokers = new FakeBrokers([1]);
    const producer = await start(brokers);
    firstAnswers(brokers, 0, [lost]);
    const last = append(producer, 0, "a");
    const closed = producer.close(AbortSignal.timeout(5000));
    await expect(append(producer, 0, "b")).rejects.toMatchObject({ code: "LOG_CLOSED" });
    expect(await last).toBe(0);
    await closed;
  });

  test("gives up at its signal what does not land", async () => {
    const brokers = new FakeBrokers([1]);
    const producer = await start(brokers);
    brokers.onProduce = lost;
    const last = append(producer, 0, "a");
    await producer.close(AbortSignal.timeout(50));
    await expect(last).rejects.toMatchObject({ code: "LOG_CLOSED" });
  });
});
