import { describe, expect, test, vi } from "vitest";
import { LIMITS } from "../../core/limits.ts";
import { HEADER, type RecordInput } from "../../core/record.ts";
import { clean } from "../../processors/clean/clean.ts";
import { type BrokerHarness, eventually, startBroker, TOPIC_A } from "../support/broker-harness.ts";
import { MemorySessionStore } from "../support/memory-session-store.ts";
import { hex, KEPT, resumeKept } from "../support/kept-peer.ts";
import { logRecord } from "../support/log-records.ts";
import { runStage } from "../support/stage-run.ts";
import {
  CONNACK_ACCEPTED,
  CONNACK_PRESENT,
  PINGREQ,
  rawAnswer,
  rawConnect,
  rawPublish,
  rawSubscribe,
} from "../support/raw-mqtt.ts";

const QOS_2 = 0x04;
const DUP = 0x08;
const PUBREC = "50020007";
const PUBCOMP = "70020007";
const once = (payload: string, flags = 0): Buffer => rawPublish(TOPIC_A, payload, 7, QOS_2 | flags);

const X = { ...KEPT, clientId: "x" };
const Y = { ...KEPT, clientId: "y" };

/** A session store that never hears that a message has landed. */
function forgetfulStore(): { readonly sessions: MemorySessionStore; readonly forgotten: readonly number[] } {
  const sessions = new MemorySessionStore(LIMITS);
  const forgotten: number[] = [];
  const receive = sessions.receive.bind(sessions);
  sessions.receive = async (client, packetId, admissionId) => {
    if (admissionId === "landed") forgotten.push(packetId);
    else await receive(client, packetId, admissionId);
  };
  return { sessions, forgotten };
}

const admissionIds = (edge: BrokerHarness): readonly (string | undefined)[] =>
  edge.log.records.map(({ headers }) => headers.find(([name]) => name === HEADER.admissionId)?.[1]);

describe("a message of QoS 2 (4.3.3)", () => {
  test("is answered with PUBREC when it is durable, in order with the others, and PUBREL with PUBCOMP", async () => {
    await using edge = await startBroker();
    edge.log.hold();
    const peer = await edge.rawConnected();
    peer.send(rawPublish(TOPIC_A, "1", 6), once("2"), rawPublish(TOPIC_A, "3", 8), PINGREQ);
    await peer.receive((received) => received.endsWith("d000"));
    expect(peer.received()).toBe(`${CONNACK_ACCEPTED}d000`);
    edge.log.release();
    await peer.receive((received) => received.endsWith(`40020006${PUBREC}40020008`));
    peer.send(rawAnswer("pubrel", 7));
    await peer.receive((received) => received.endsWith(PUBCOMP));
    expect(edge.log.records[1]?.headers).toContainEqual(["qos", "2"]);
  });

  test("that comes again before PUBREL is answered and not taken again; after it the id is free", async () => {
    await using edge = await startBroker();
    const peer = await edge.rawConnected();
    peer.send(once("x"), once("x", DUP), rawAnswer("pubrel", 7), once("x"));
    await peer.receive((received) => received.split(PUBREC).length === 4);
    expect(edge.log.records).toHaveLength(2);
  });

  test("is answered and not taken again when its connection broke off before PUBREL", async () => {
    await using edge = await startBroker();
    const subscriber = await edge.client("a");
    const delivered: string[] = [];
    subscriber.on("message", (_topic, payload) => delivered.push(payload.toString()));
    await subscriber.subscribeAsync(TOPIC_A, { qos: 2 });
    const peer = await resumeKept(edge);
    peer.send(once("x"));
    await peer.receive((received) => received.endsWith(PUBREC));
    peer.socket.destroy();
    const again = await resumeKept(edge);
    again.send(once("x", DUP));
    await again.receive((received) => received.endsWith(PUBREC));
    again.send(rawAnswer("pubrel", 7), once("y"));
    await again.receive((received) => received.endsWith(PUBCOMP + PUBREC));
    expect(new Set(admissionIds(edge)).size).toBe(2);
    await eventually(() => delivered.includes("y"), "the next message");
    expect(delivered).toEqual(["x", "y"]);
  });

  test("is not taken again either when its connection broke off while it waited for the log", async () => {
    await using edge = await startBroker();
    const peer = await resumeKept(edge);
    edge.log.hold();
    peer.send(once("x"), PINGREQ);
    await peer.receive((received) => received.endsWith("d000"));
    peer.socket.destroy();
    const again = await edge.raw();
    again.send(rawConnect(KEPT), once("x", DUP));
    await eventually(() => edge.broker.connections === 1, "the connection is known");
    edge.log.release();
    await again.receive((received) => received === CONNACK_PRESENT + PUBREC);
    expect(edge.log.records).toHaveLength(1);
  });

  test("is appended with the same admission id when the gateway broke off and does not know whether it has landed", async () => {
    const sessions = new MemorySessionStore(LIMITS);
    await using edge = await startBroker({ sessions });
    const peer = await resumeKept(edge);
    const receive = vi.spyOn(sessions, "receive");
    peer.send(once("x"));
    await peer.receive((received) => received.endsWith(PUBREC));
    const before = receive.mock.calls[0] ?? ["", 0, ""];
    peer.socket.destroy();
    await eventually(() => edge.broker.connections === 0, "the client has gone");
    await sessions.receive(...before);
    const again = await resumeKept(edge);
    again.send(once("x", DUP));
    await again.receive((received) => received.endsWith(PUBREC));
    const [first, second, ...none] = admissionIds(edge);
    expect([first, none]).toEqual([second, []]);
    again.send(rawAnswer("pubrel", 7), once("x"));
    await again.receive((received) => received.endsWith(PUBCOMP + PUBREC));
    expect(new Set(admissionIds(edge)).size).toBe(2);
  });

  test("counts once for the stage, whichever client of the device sends again first when the gateway broke off", async () => {
    const { sessions, forgotten } = forgetfulStore();
    const taken: RecordInput[] = [];
    {
      await using broken = await startBroker({ sessions });
      const [x, y] = [await resumeKept(broken, X), await resumeKept(broken, Y)];
      broken.log.hold();
      x.send(once('{"t":1}'));
      await eventually(() => broken.log.waiting.length === 1, "the message of x waits");
      y.send(once('{"t":2}'));
      await eventually(() => broken.log.waiting.length === 2, "that of y behind it");
      broken.log.waiting[1]?.resolve();
      await eventually(() => forgotten.length === 1, "that of y has landed, and the store does not know");
      taken.push(...broken.log.records);
      // Whatever the first message still becomes, the gateway is no more.
    }
    await using edge = await startBroker({ sessions, epoch: 8 });
    for (const [connect, payload] of [
      [X, '{"t":1}'],
      [Y, '{"t":2}'],
    ] as const) {
      const peer = await resumeKept(edge, connect);
      peer.send(once(payload, DUP));
      await peer.receive((received) => received.endsWith(PUBREC));
    }
    taken.push(...edge.log.records);
    expect(taken.map(({ value }) => Buffer.from(value).toString())).toEqual(['{"t":2}', '{"t":1}', '{"t":2}']);
    const records = taken.map((record, offset) => logRecord({ ...record, headers: record.headers ?? [], offset }));
    const { totals } = runStage(records, { stage: { name: "clean-only", input: "telemetry", functions: [clean] } });
    expect([...totals.values()]).toEqual([expect.objectContaining({ processed: 2, duplicate: 1 })]);
  });

  test("is answered with PUBCOMP again when that was lost with its connection", async () => {
    await using edge = await startBroker();
    const peer = await resumeKept(edge);
    peer.send(once("x"), PINGREQ);
    await peer.receive((received) => received.endsWith(PUBREC));
    peer.send(rawAnswer("pubrel", 7));
    await peer.receive((received) => received.endsWith(PUBCOMP));
    peer.socket.destroy();
    const again = await resumeKept(edge);
    again.send(rawAnswer("pubrel", 7));
    await again.receive((received) => received === CONNACK_PRESENT + PUBCOMP);
  });

  test("is one of a bounded number without PUBREL", async () => {
    await using edge = await startBroker({ limits: { unacknowledgedPerConnectionMax: 3 } });
    const peer = await edge.rawConnected();
    for (let id = 1; id <= 4; id += 1) {
      peer.send(rawPublish(TOPIC_A, "x", id, QOS_2));
      if (id < 4) await peer.receive((received) => received.endsWith(`5002000${id}`));
    }
    await peer.closed;
    expect(edge.refused("receive-maximum")).toBe(1);
  });

  test("that nobody gets is one of these too", async () => {
    await using edge = await startBroker({ limits: { unacknowledgedPerConnectionMax: 3 } });
    const peer = await edge.rawConnected();
    peer.send(...[1, 2, 3, 4].map((id) => rawPublish("v1/devices/me/attributes", "{}", id, QOS_2)));
    await peer.closed;
    expect(edge.refused("receive-maximum")).toBe(1);
  });

  test("comes again when as many wait as may", async () => {
    await using edge = await startBroker({ limits: { unacknowledgedPerConnectionMax: 3 } });
    const messages = [7, 8, 9].map((id) => rawPublish(TOPIC_A, "x", id, QOS_2));
    const answers = `${PUBREC}5002000850020009`;
    const peer = await resumeKept(edge);
    peer.send(...messages);
    await peer.receive((received) => received.endsWith(answers));
    peer.send(...messages);
    await peer.receive((received) => received.endsWith(answers + answers));
    peer.socket.destroy();
    const again = await resumeKept(edge);
    again.send(...messages);
    await again.receive((received) => received === CONNACK_PRESENT + answers);
  });
});

describe("a delivery of QoS 2", () => {
  const FILTER = "millrace/acme/a/#";
  const delivered = (flags = 0): string => hex(rawPublish(TOPIC_A, "x", 1, QOS_2 | flags));

  test("goes PUBLISH, PUBREC, PUBREL, PUBCOMP, and each step is taken up where a connection broke off", async () => {
    await using edge = await startBroker();
    const first = await resumeKept(edge);
    first.send(rawSubscribe([FILTER], 1, 2));
    await first.receive((received) => received.endsWith("9003000102"));
    const publisher = await edge.client("a", { clientId: "publisher" });
    await publisher.publishAsync(TOPIC_A, "x", { qos: 2 });
    await first.receive((received) => received.endsWith(delivered()));
    first.socket.destroy();
    const second = await resumeKept(edge);
    await second.receive((received) => received === CONNACK_PRESENT + delivered(DUP));
    second.send(rawAnswer("pubrec", 1));
    await second.receive((received) => received.endsWith("62020001"));
    second.socket.destroy();
    const third = await resumeKept(edge);
    await third.receive((received) => received === `${CONNACK_PRESENT}62020001`);
    third.send(rawAnswer("pubcomp", 1), PINGREQ);
    await third.receive((received) => received.endsWith("d000"));
    third.socket.destroy();
    const fourth = await resumeKept(edge);
    fourth.send(PINGREQ);
    expect(await fourth.receive((received) => received.endsWith("d000"))).toBe(`${CONNACK_PRESENT}d000`);
  });

  test.each([
    ["PUBACK of QoS 2", "puback"],
    ["PUBCOMP before PUBREC", "pubcomp"],
  ] as const)("refuses %s in a clean session", async (_title, kind) => {
    await using edge = await startBroker();
    const peer = await edge.rawConnected();
    peer.send(rawSubscribe([FILTER], 1, 2), rawPublish(TOPIC_A, "x", 9, QOS_2));
    await peer.receive((received) => received.includes(delivered()));
    peer.send(rawAnswer(kind, 1));
    await peer.closed;
    expect(edge.refused("packet-unsolicited")).toBe(1);
  });

  test("reaches the mqtt package's client once", async () => {
    await using edge = await startBroker();
    const [subscriber, publisher] = [await edge.client("a"), await edge.client("a")];
    const received: string[] = [];
    subscriber.on("message", (_topic, payload, { qos }) => received.push(`${payload.toString()} ${qos}`));
    await subscriber.subscribeAsync(FILTER, { qos: 2 });
    for (const payload of ["1", "2", "3"]) await publisher.publishAsync(TOPIC_A, payload, { qos: 2 });
    await eventually(() => received.length === 3, "three deliveries");
    expect(received).toEqual(["1 2", "2 2", "3 2"]);
  });
});
