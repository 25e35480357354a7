import { describe, expect, test } from "vitest";
import { HEADER } from "../../core/record.ts";
import { compressForwardBatch, FORWARD_TELEMETRY, forwardedRecord } from "../../wire/forward-batch.ts";
import { encodeRecordBatch } from "../../wire/record-batch-writer.ts";
import { eventually } from "../support/broker-harness.ts";
import { GATEWAY_CONNECT, startGatewayEdge } from "../support/gateway-edge.ts";
import { logRecord } from "../support/log-records.ts";
import { CONNACK_ACCEPTED, rawPublish } from "../support/raw-mqtt.ts";

const puback = (packetId: number): string => `4002${packetId.toString(16).padStart(4, "0")}`;

/** An envelope of one message for each key of the edge, whose tenant is another one. */
function envelope(devices: readonly string[]): Buffer {
  const records = devices.map((device, offset) => {
    const headers = [
      [HEADER.admissionId, `local.1.${offset}`],
      [HEADER.clientId, "c"],
      [HEADER.principal, `device:${device}`],
      [HEADER.format, "json"],
      [HEADER.qos, "1"],
      [HEADER.dup, "1"],
      [HEADER.packetId, "77"],
    ] as const;
    const value = `{"n": ${offset}}`;
    const record = logRecord({ offset, timestamp: 5, key: `plant/${device}`, value, headers });
    return forwardedRecord(record, `abc 1 0 ${offset} 1700000000000`);
  });
  return compressForwardBatch(encodeRecordBatch(records));
}

describe("an envelope of an edge installation", () => {
  test("becomes one record for each message, as the device sent it, acknowledged once", async () => {
    await using edge = await startGatewayEdge();
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    const many = Array.from({ length: 40 }, (_, n) => ["a", "b"][n % 2] ?? "");
    peer.send(rawPublish(FORWARD_TELEMETRY, envelope(many), 3));
    expect(await peer.receive((hex) => hex.length > 8)).toBe(CONNACK_ACCEPTED + puback(3));
    expect(edge.told()).toEqual(many.map((device, n) => `acme/${device} {"n": ${n}}`));
    expect(Object.fromEntries(edge.log.records[1]?.headers ?? [])).toEqual({
      [HEADER.mqttTopic]: "millrace/acme/b/telemetry",
      [HEADER.clientId]: "c",
      [HEADER.principal]: "device:gw",
      [HEADER.format]: "json",
      [HEADER.admissionId]: "abc/local/1/1",
      [HEADER.qos]: "1",
      [HEADER.dup]: "1",
      [HEADER.packetId]: "77",
      [HEADER.forwarded]: "abc 1 0 1 1700000000000",
    });
    expect(edge.questions).toEqual([["a", "b"]]);
  });

  test("has the same admission ids when it comes again, with QoS 2 too", async () => {
    await using edge = await startGatewayEdge();
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    const bytes = envelope(["a", "a"]);
    peer.send(rawPublish(FORWARD_TELEMETRY, bytes, 1), rawPublish(FORWARD_TELEMETRY, bytes, 2, 4));
    await eventually(() => edge.log.records.length === 4, "both have landed");
    const ids = edge.log.records.map(({ headers }) => headers.find(([name]) => name === HEADER.admissionId)?.[1]);
    expect(ids).toEqual(["abc/local/1/0", "abc/local/1/1", "abc/local/1/0", "abc/local/1/1"]);
  });

  test("keeps devices that are not the gateway's apart, under its own key, however often it comes", async () => {
    await using edge = await startGatewayEdge();
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    peer.send(rawPublish(FORWARD_TELEMETRY, envelope(["a", "stranger", "b"]), 1));
    expect(await peer.receive((hex) => hex.length > 8)).toBe(CONNACK_ACCEPTED + puback(1));
    expect(edge.told()).toEqual(['acme/a {"n": 0}', 'acme/gw foreign-device {"n": 1}', 'acme/b {"n": 2}']);
    const headers = Object.fromEntries(edge.log.records[1]?.headers ?? []);
    expect(headers[HEADER.mqttTopic]).toBe("millrace/acme/stranger/telemetry");
    expect(headers[HEADER.admissionId]).toBe("abc/local/1/1");
  });

  test("is not acknowledged when it is none: the edge keeps what is in it", async () => {
    await using edge = await startGatewayEdge();
    for (const bad of [Buffer.from('{"a":[{"t":1}]}'), envelope(["a"]).subarray(1), Buffer.alloc(0)]) {
      const peer = await edge.rawConnected(GATEWAY_CONNECT);
      peer.send(rawPublish(FORWARD_TELEMETRY, bad, 1));
      expect(await peer.closed).toBe(CONNACK_ACCEPTED);
    }
    expect(edge.log.records).toEqual([]);
  });

  test("is for gateways only", async () => {
    await using edge = await startGatewayEdge();
    const peer = await edge.rawConnected({ clientId: "c", rest: ["a", "token-a"] });
    peer.send(rawPublish(FORWARD_TELEMETRY, envelope(["a"]), 1));
    expect(await peer.closed).toBe(CONNACK_ACCEPTED);
    expect(edge.log.records).toEqual([]);
  });
});
