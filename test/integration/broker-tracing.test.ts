import { describe, expect, test } from "vitest";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { silentLogger } from "../../core/logger.ts";
import { HEADER } from "../../core/record.ts";
import { compressForwardBatch, FORWARD_TELEMETRY, forwardedRecord } from "../../wire/forward-batch.ts";
import { encodeRecordBatch } from "../../wire/record-batch-writer.ts";
import { HeadSampler, traceIdOf } from "../../wire/trace-context.ts";
import { type BrokerHarness, eventually, startBroker, TOPIC_A } from "../support/broker-harness.ts";
import { GATEWAY_CONNECT, startGatewayEdge } from "../support/gateway-edge.ts";
import { keepSpans } from "../support/kept-spans.ts";
import { logRecord } from "../support/log-records.ts";
import { rawPublish } from "../support/raw-mqtt.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const TRACEPARENT = `00-${TRACE}-${PARENT}-01`;

function post(edge: BrokerHarness, headers: Readonly<Record<string, string>> = {}, token = "token-a") {
  return fetch(`http://127.0.0.1:${edge.ingestPort}/v1/telemetry`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    body: '{"t":1}',
  });
}
const traced = (edge: BrokerHarness): (string | undefined)[] =>
  edge.log.records.map(({ headers }) => headers.find(([name]) => name === HEADER.traceparent)?.[1]);
const admitted = (edge: BrokerHarness): (string | undefined)[] =>
  edge.log.records.map(({ headers }) => headers.find(([name]) => name === HEADER.admissionId)?.[1]);
async function publish(edge: BrokerHarness, count: number): Promise<void> {
  const client = await edge.client("a");
  await Promise.all(
    Array.from({ length: count }, async (_, n) => client.publishAsync(TOPIC_A, `{"n":${n}}`, { qos: 1 })),
  );
}

describe("a gateway that traces nothing", () => {
  test("writes no header, whatever a sender wants, and takes the bytes that it always took", async () => {
    await using edge = await startBroker();
    await post(edge, { traceparent: TRACEPARENT });
    await publish(edge, 3);
    expect(traced(edge)).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe("a gateway that traces a share", () => {
  test("marks the messages whose admission ids say so, and no others, each with a trace that follows from it", async () => {
    const tracer = keepSpans();
    await using edge = await startBroker({ tracing: { tracer, ratio: 0.3 } });
    await publish(edge, 100);
    const sampler = new HeadSampler(0.3, "");
    const expected = admitted(edge).map((id = "") => (sampler.isSampled(id) ? traceIdOf(id) : undefined));
    expect(traced(edge).map((text) => text?.slice(3, 35))).toEqual(expected);
    const count = expected.filter((id) => id !== undefined).length;
    expect(count).toBeGreaterThan(10);
    expect(count).toBeLessThan(60);
    expect(tracer.spans.map(({ name }) => name).filter((name) => name === "publish")).toHaveLength(count);
    // What readers get is otherwise what it would be without.
    expect(
      edge.log.records.map(({ headers }) => headers.filter(([name]) => name !== HEADER.traceparent).length),
    ).toEqual(Array.from({ length: 100 }, () => 8));
  });

  test("goes on from the sender's trace, or begins none where the sender says so", async () => {
    const tracer = keepSpans();
    await using edge = await startBroker({ tracing: { tracer, ratio: 1 } });
    expect((await post(edge, { traceparent: TRACEPARENT, "x-request-id": "mine-1" })).status).toBe(204);
    expect((await post(edge, { traceparent: TRACEPARENT.replace(/01$/, "00") })).status).toBe(204);
    const [publishSpan, appendSpan, ...others] = tracer.spans;
    expect(others).toEqual([]);
    expect(publishSpan).toMatchObject({ name: "publish", traceId: TRACE, parentSpanId: PARENT });
    expect(publishSpan?.attributes).toMatchObject({ "millrace.device": "acme/a", "millrace.request_id": "mine-1" });
    expect(appendSpan).toMatchObject({ traceId: TRACE, parentSpanId: publishSpan?.spanId });
    expect(traced(edge)).toEqual([`00-${TRACE}-${appendSpan?.spanId}-01`, undefined]);
  });

  test("begins a trace of its own where the sender's is none", async () => {
    const tracer = keepSpans();
    await using edge = await startBroker({ tracing: { tracer, ratio: 1 } });
    await post(edge, { traceparent: `00-${TRACE}-${PARENT}-01-more` });
    const [id = ""] = admitted(edge);
    expect(tracer.spans.map(({ traceId }) => traceId)).toEqual([traceIdOf(id), traceIdOf(id)]);
    expect(tracer.spans[0]?.parentSpanId).toBeNull();
  });

  test("gives an Idempotency-Key one trace, however often it comes", async () => {
    const tracer = keepSpans();
    await using edge = await startBroker({ tracing: { tracer, ratio: 1 } });
    const headers = { "idempotency-key": "once" };
    expect((await post(edge, headers)).status).toBe(204);
    expect((await post(edge, headers)).headers.get("idempotency-replayed")).toBe("true");
    expect(tracer.spans.map(({ traceId }) => traceId)).toEqual(Array(2).fill(traceIdOf(admitted(edge)[0] ?? "")));
  });

  test("does what senders want for so many of their messages in a second, and samples the rest like any other", async () => {
    let now = 1_700_000_000_000;
    const { spans, ended } = keepSpans();
    await using edge = await startBroker({ tracing: { tracer: { now: () => now, ended }, ratio: 1e-9 } });
    const many = async (): Promise<void> => {
      for (let n = 0; n < LIMITS.traceparentsPerSecondMax + 5; n += 1) await post(edge, { traceparent: TRACEPARENT });
    };
    await many();
    expect(spans).toHaveLength(2 * LIMITS.traceparentsPerSecondMax);
    expect(edge.gauge("millrace_traceparents_ignored_total")).toBe(5);
    now += 1000;
    await post(edge, { traceparent: TRACEPARENT });
    expect(spans).toHaveLength(2 * LIMITS.traceparentsPerSecondMax + 2);
  });

  test.each(["refuseWith", "failWith"] as const)(
    "tells of a message that the log does not take (%s), in span and line",
    async (how) => {
      const tracer = keepSpans();
      const lines: object[] = [];
      const logger = { ...silentLogger, warn: (fields: object) => void lines.push(fields) };
      await using edge = await startBroker({ logger, tracing: { tracer, ratio: 1 } });
      edge.log[how](new MillraceError("LOG_IO", "the disk is gone"));
      expect((await post(edge)).status).toBe(503);
      const traceId = traceIdOf("gw.7.1");
      expect(tracer.spans).toMatchObject([
        { name: "publish", traceId, error: expect.stringContaining("the disk is gone") },
        { name: "append telemetry", traceId, error: expect.stringContaining("the disk is gone") },
      ]);
      expect(lines).toContainEqual(
        expect.objectContaining({ admissionId: "gw.7.1", trace_id: traceId, key: "acme/a" }),
      );
    },
  );

  test("goes on from the trace of an edge that forwards", async () => {
    const tracer = keepSpans();
    await using edge = await startGatewayEdge({ tracing: { tracer, ratio: 1e-9 } });
    const peer = await edge.rawConnected(GATEWAY_CONNECT);
    const records = [TRACEPARENT, "garbage", undefined].map((text, offset) => {
      const headers = [
        [HEADER.admissionId, `local.1.${offset}`],
        [HEADER.principal, "device:a"],
        [HEADER.format, "json"],
        ...(text === undefined ? [] : [[HEADER.traceparent, text] as const]),
      ] as const;
      const record = logRecord({ offset, timestamp: 5, key: "plant/a", value: "{}", headers });
      return forwardedRecord(record, `abc 1 0 ${offset} 1700000000000`);
    });
    peer.send(rawPublish(FORWARD_TELEMETRY, compressForwardBatch(encodeRecordBatch(records)), 3));
    await eventually(() => edge.log.records.length === 3, "all have landed");
    expect(tracer.spans).toMatchObject([
      { name: "publish", traceId: TRACE, parentSpanId: PARENT, attributes: { "network.protocol.name": "mqtt" } },
      { name: "append telemetry", traceId: TRACE },
    ]);
    expect(traced(edge)).toEqual([`00-${TRACE}-${tracer.spans[1]?.spanId}-01`, undefined, undefined]);
  });
});

describe("ids of requests", () => {
  test.each([
    ["mine:1/a", "mine:1/a"],
    ["a b", null],
    ["x".repeat(129), null],
    [undefined, null],
  ])("%s", async (given, kept) => {
    await using edge = await startBroker();
    const answers = [
      await post(edge, given === undefined ? {} : { "x-request-id": given }),
      await post(edge, given === undefined ? {} : { "x-request-id": given }, "unknown"),
    ];
    const ids = answers.map(({ headers }) => headers.get("x-request-id"));
    expect(ids).toEqual(kept === null ? ["gw.7.http-1", "gw.7.http-2"] : [kept, kept]);
    expect(await answers[1]?.json()).toMatchObject({ status: 401, requestId: ids[1] });
  });
});

describe("ids of connections", () => {
  test("stand in the lines about them, each connection's own", async () => {
    const lines: { connection?: string; reason?: string }[] = [];
    const keep = (fields: object): void => void lines.push(fields);
    await using edge = await startBroker({ logger: { ...silentLogger, info: keep, debug: keep } });
    await edge.client("a");
    await edge.client("b");
    const peer = await edge.rawConnected();
    peer.send(Buffer.from("00ff", "hex"));
    await eventually(() => lines.some(({ reason }) => reason !== undefined), "it is refused");
    const refused = lines.find(({ reason }) => reason !== undefined);
    const connected = lines.filter((line) => "connection" in line && line.reason === undefined);
    expect(new Set(connected.map(({ connection }) => connection))).toEqual(
      new Set(["gw.7.mqtt-1", "gw.7.mqtt-2", "gw.7.mqtt-3"]),
    );
    expect(refused?.connection).toBe("gw.7.mqtt-3");
  });
});
