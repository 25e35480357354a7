import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { sentBytesOf } from "../../broker/sent-bytes.ts";
import { type BrokerHarness, eventually, startBroker, TOPIC_A } from "../support/broker-harness.ts";
import { KEPT, resumeKept } from "../support/kept-peer.ts";
import { openRaw, PINGREQ, rawSubscribe, type RawPeer } from "../support/raw-mqtt.ts";

const MIB = 1024 * 1024;
/** More than the system takes for a peer that does not read. */
const LARGE = 24 * MIB;
const PAYLOAD = Buffer.alloc(120 * 1024, "x");
const LIMITS_OF_MUCH = { sessionQueueBytesMax: 2 * LARGE, deliveriesInFlightMax: 1000 };
const WILL_QOS_1 = 0x0c;

function pingOften(peer: RawPeer): void {
  const pings = setInterval(() => peer.send(PINGREQ), 50);
  onTestFinished(() => clearInterval(pings));
}

/** A kept session with QoS 1, a will and a keep-alive of one second, that is sent much; it does not read it yet. */
async function sendMuch(edge: BrokerHarness): Promise<RawPeer> {
  const peer = await resumeKept(edge, {
    ...KEPT,
    flags: KEPT.flags | WILL_QOS_1,
    keepAlive: 1,
    rest: [TOPIC_A, "gone", "user", "token-a"],
  });
  peer.send(rawSubscribe(["millrace/acme/a/#"], 1, 1));
  await peer.receive((hex) => hex.endsWith("9003000101"));
  pingOften(peer);
  peer.socket.pause();
  const publisher = await edge.client("a", { clientId: "publisher" });
  for (let sent = 0; sent < LARGE; sent += PAYLOAD.length) await publisher.publishAsync(TOPIC_A, PAYLOAD, { qos: 1 });
  return peer;
}

describe("a subscriber that is sent more than it reads", () => {
  test("is ended by its keep-alive although it sends pings, when it does not read at all, and its will is published", async () => {
    await using edge = await startBroker({ limits: LIMITS_OF_MUCH });
    await sendMuch(edge);
    await eventually(() => edge.refused("keep-alive") === 1, "it is ended");
    await eventually(() => edge.log.records.at(-1)?.value.length === 4, "its will is published");
    expect(Buffer.from(edge.log.records.at(-1)?.value ?? []).toString()).toBe("gone");
  });

  test("is kept for as long as it reads on, however slowly", async () => {
    await using edge = await startBroker({ limits: LIMITS_OF_MUCH });
    const peer = await sendMuch(edge);
    let read = 0;
    peer.socket.on("data", (bytes: Buffer) => {
      read += bytes.length;
      peer.socket.pause();
      setTimeout(() => peer.socket.resume(), 10);
    });
    peer.socket.resume();
    await eventually(() => read > LARGE, "it has read all");
    expect(edge.refused("keep-alive")).toBe(0);
    expect(edge.broker.connections).toBe(2);
  });
});

test("within one large write it can be seen that the peer reads on", async () => {
  const server = createServer();
  onTestFinished(() => void server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") return expect.fail("it listens on a port");
  const accepted = once(server, "connection");
  const peer = await openRaw(address.port);
  onTestFinished(() => void peer.socket.destroy());
  peer.socket.pause();
  const [socket]: Socket[] = await accepted;
  if (socket === undefined) return expect.fail("it is accepted");
  // The peer leaves before it has read all.
  socket.on("error", () => socket.destroy());
  let isWritten = false;
  socket.write(Buffer.alloc(LARGE), () => (isWritten = true));
  const before = sentBytesOf(socket);
  peer.socket.resume();
  await eventually(() => sentBytesOf(socket) > before, "the system has taken some of it");
  expect(isWritten).toBe(false);
});
