import { describe, expect, test } from "vitest";
import { eventually } from "../support/broker-harness.ts";
import { GATEWAY_CONNECT, GATEWAY_TOPIC, startGatewayEdge } from "../support/gateway-edge.ts";
import { CONNACK_ACCEPTED, PINGREQ, rawPublish } from "../support/raw-mqtt.ts";

const puback = (packetId: number): string => `4002${packetId.toString(16).padStart(4, "0")}`;
const THREE = '{"a":{"t":1},"b":{"t":2},"c":{"t":3}}';

describe("a gateway whose devices are not known yet", () => {
  test("asks once for what comes at once, and once for what comes meanwhile, and keeps the order", async () => {
    await using edge = await startGatewayEdge();
    const asked = Promise.withResolvers<void>();
    edge.delay = asked.promise;
    for (let n = 0; n < 50; n++) edge.own.add(`m${n}`);
    const of = (n: number, packetId: number, qos: number) =>
      rawPublish(`millrace/acme/m${n}/telemetry`, `${packetId}`, packetId, qos << 1);
    const numbers = Array.from({ length: 50 }, (_, n) => n);
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    peer.send(...numbers.slice(0, 20).map((n) => of(n, n + 1, 1)));
    await eventually(() => edge.questions.length === 1, "the registry is asked");
    peer.send(...numbers.slice(20).map((n) => of(n, n + 1, n === 30 ? 2 : 1)), of(0, 51, 1));
    // What is behind has been read when the ping is answered.
    peer.send(PINGREQ);
    await peer.receive((hex) => hex.endsWith("d000"));
    expect([edge.questions.length, edge.told()]).toEqual([1, []]);
    asked.resolve();
    await peer.receive((hex) => hex.endsWith(puback(51)));
    expect(edge.questions.map((ids) => ids.length)).toEqual([20, 30]);
    expect(edge.told()).toEqual([...numbers.map((n) => `acme/m${n} ${n + 1}`), "acme/m0 51"]);
    expect(peer.received()).toContain(`${puback(30)}5002001f${puback(32)}`);
  });

  test("ends over a topic that nobody may publish to when what came before it is acknowledged", async () => {
    await using edge = await startGatewayEdge();
    const asked = Promise.withResolvers<void>();
    edge.delay = asked.promise;
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    peer.send(
      rawPublish(GATEWAY_TOPIC, THREE, 1),
      rawPublish("no/such/topic", "1", 2),
      rawPublish(GATEWAY_TOPIC, THREE, 3),
    );
    await eventually(() => edge.questions.length === 1, "the registry is asked");
    asked.resolve();
    expect(await peer.closed).toBe(CONNACK_ACCEPTED + puback(1));
    expect([edge.told().length, edge.refused("publish-topic")]).toEqual([3, 1]);
  });
});
