import { connectAsync } from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FunctionInstance, countingFunction } from "../support/function-instance.ts";
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from "../support/otlp-receiver.ts";
import { openInstanceLog, visitTopic } from "../support/log-dump.ts";
import { eventually } from "../support/stage-on-log.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../unit/sinks-notify/webhook-receiver.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const RULE = {
  name: "many",
  enabled: true,
  severity: "high",
  select: {},
  condition: { kind: "threshold", metric: "n", op: ">=", value: 1000 },
};

describe.skipIf(!hasChdb())(`traces ${CHDB_TITLE}`, { timeout: 240_000 }, () => {
  const own = new FunctionInstance();
  let collector: OtlpReceiver;
  let webhook: WebhookReceiver;
  beforeAll(async () => {
    collector = await startOtlpReceiver();
    webhook = await startWebhookReceiver();
    await own.start({
      flags: ["--trace-sample", "1", "--webhook-url", webhook.url, "--log-level", "debug"],
      environment: { OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`, OTEL_EXPORTER_OTLP_HEADERS: "api-key=a%20b" },
    });
  }, 120_000);
  afterAll(async () => {
    await own.dispose();
    await webhook.close();
    await collector.close();
  });

  const spansOf = (traceId: string): readonly ReceivedSpan[] =>
    collector.spans.filter((span) => span.traceId === traceId);
  const namesOf = (traceId: string): readonly string[] => spansOf(traceId).map(({ name }) => name);
  const hasAll = (traceId: string, ...names: readonly string[]): boolean =>
    names.every((name) => namesOf(traceId).includes(name));
  /** Names from the root to this span. */
  function pathTo(span: ReceivedSpan): string {
    const parent = spansOf(span.traceId).find(({ spanId }) => spanId === span.parentSpanId);
    return parent === undefined ? span.name : `${pathTo(parent)} > ${span.name}`;
  }
  const paths = (traceId: string): string[] => [...new Set(spansOf(traceId).map(pathTo))].sort();

  /** A counter of the instance. */
  async function counted(sample: string): Promise<number> {
    const line = (await own.api.metrics()).split("\n").find((text) => text.startsWith(`${sample} `));
    return Number(line?.slice(sample.length + 1) ?? 0);
  }
  const STORED = 'millrace_clickhouse_rows_total{table="readings"}';
  const spansThat = (outcome: string): string => `millrace_trace_spans_total{outcome="${outcome}"}`;

  async function post(n: number, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    const { ingest, token } = own.instance.ready;
    return fetch(`${ingest}/v1/telemetry`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
      body: JSON.stringify({ n }),
    });
  }

  it("are one trace from a message over MQTT to its row in ClickHouse", async () => {
    const { mqtt, device, token } = own.instance.ready;
    const client = await connectAsync(mqtt, { username: device, password: token });
    await client.publishAsync("v1/devices/me/telemetry", '{"n":1}', { qos: 1 });
    await client.endAsync();
    await eventually(async () => collector.spans.some(({ name }) => name === "insert"), 60_000);
    const publish = collector.spans.find(({ name }) => name === "publish");
    const traceId = publish?.traceId ?? "";
    await eventually(async () => hasAll(traceId, "publish", "stage main", "store readings", "insert"));
    expect(paths(traceId)).toEqual([
      "publish",
      "publish > append telemetry",
      "publish > append telemetry > stage main",
      "publish > append telemetry > stage main > commit",
      "publish > append telemetry > stage main > process",
      "publish > append telemetry > stage main > store readings",
      "publish > append telemetry > stage main > store readings > insert",
      "publish > append telemetry > stage main > wait for the unit's end",
    ]);
    expect(publish?.attributes).toMatchObject({
      "millrace.device": `default/${device}`,
      "network.protocol.name": "mqtt",
      "messaging.message.body.size": "7",
    });
    expect(publish?.resource).toMatchObject({
      "service.name": "millrace",
      "millrace.role": "all",
      "millrace.thread": "gateway",
    });
    expect(publish?.resource["service.version"]).toMatch(/^\d+\.\d+\.\d+/);
    for (const span of spansOf(traceId)) {
      expect(BigInt(span.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(span.startTimeUnixNano));
      expect(BigInt(span.startTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(publish?.startTimeUnixNano ?? 0));
    }
    expect(collector.faults).toEqual([]);
    expect(collector.requests[0]).toMatchObject({ path: "/v1/traces", headers: { "api-key": "a b" } });
    // The log names the record and its trace.
    const line = own.instance
      .stderr()
      .split("\n")
      .find((text) => text.includes("a sampled message is durable"));
    expect(JSON.parse(line ?? "{}")).toMatchObject({
      admissionId: publish?.attributes["millrace.admission_id"],
      trace_id: traceId,
    });
  });

  it("go on from the sender's, through functions in a stage of their own, an alarm and its webhook", async () => {
    await own.api.put("/rules/many", RULE);
    await own.deploy(countingFunction("counted"), "--stage", "heavy");
    await eventually(async () => (await own.stages()).length > 0);
    expect((await post(2000, { traceparent: `00-${TRACE}-${PARENT}-01` })).status).toBe(204);
    const wanted = ["stage fn-heavy", "store alarms", "store readings", "notify alarms", "POST webhook"];
    await eventually(async () => hasAll(TRACE, "publish", ...wanted), 60_000);
    await eventually(
      async () => paths(TRACE).filter((path) => path.endsWith("store readings > insert")).length === 2,
      60_000,
    );
    const main = "publish > append telemetry > stage main";
    const found = paths(TRACE);
    for (const path of [
      `${main} > stage fn-heavy > store readings > insert`,
      `${main} > store alarms > insert`,
      `${main} > notify alarms > POST webhook`,
    ]) {
      expect(found).toContain(path);
    }
    // What a stage has made itself comes by in the topic that it reads, and is passed over.
    expect(found.filter((path) => path.includes("fn-heavy > stage"))).toEqual([]);
    const publish = spansOf(TRACE).find(({ name }) => name === "publish");
    expect(publish).toMatchObject({ parentSpanId: PARENT, attributes: { "network.protocol.name": "http" } });
    const call = spansOf(TRACE).find(({ name }) => name === "POST webhook");
    expect(webhook.received.map(({ headers }) => headers["traceparent"])).toContain(`00-${TRACE}-${call?.spanId}-01`);
  });

  it("are not begun where the sender says so, nor by what is no traceparent", async () => {
    const unsampled = "11111111111111111111111111111111";
    expect((await post(1, { traceparent: `00-${unsampled}-${PARENT}-00` })).status).toBe(204);
    expect((await post(2, { traceparent: `00-${TRACE.toUpperCase()}-${PARENT}-01` })).status).toBe(204);
    const marker = "22222222222222222222222222222222";
    expect((await post(3, { traceparent: `00-${marker}-${PARENT}-01` })).status).toBe(204);
    await eventually(async () => hasAll(marker, "insert"), 60_000);
    expect(spansOf(unsampled)).toEqual([]);
    expect(spansOf(TRACE.toUpperCase())).toEqual([]);
  });

  it("are dropped and counted while the collector is away, and telemetry is not", async () => {
    const stored = await counted(STORED);
    collector.answer(503);
    // More spans of one thread than its queue takes.
    const count = 2300;
    const { mqtt, device, token } = own.instance.ready;
    const client = await connectAsync(mqtt, { username: device, password: token });
    await Promise.all(
      Array.from({ length: count }, async (_, n) =>
        client.publishAsync("v1/devices/me/telemetry", `{"ts":${Date.now() - n * 1000},"values":{"m":${n}}}`, {
          qos: 1,
        }),
      ),
    );
    await client.endAsync();
    await eventually(async () => (await counted(spansThat("dropped"))) > 0, 60_000);
    await eventually(async () => (await counted(STORED)) >= stored + count, 60_000);
    expect(own.instance.stderr()).toContain("spans do not reach the collector of traces; telemetry is not affected");
    collector.answer(200);
    // Each thread finds out by itself.
    const lines = (text: string): number => own.instance.stderr().split(text).length;
    const isOver = () =>
      lines("the collector of traces takes spans again") === lines("spans do not reach the collector");
    await eventually(async () => isOver(), 90_000);
    expect(await counted(spansThat("exported"))).toBeGreaterThan(4096);
    const marker = "33333333333333333333333333333333";
    await post(4, { traceparent: `00-${marker}-${PARENT}-01` });
    await eventually(async () => hasAll(marker, "publish", "insert"), 60_000);
  });
});

describe.skipIf(!hasChdb())(`an instance that traces nothing ${CHDB_TITLE}`, { timeout: 240_000 }, () => {
  it("sends nothing to a collector that the environment names, and marks no record", async () => {
    const collector = await startOtlpReceiver();
    const own = new FunctionInstance();
    try {
      await own.start({ environment: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } });
      const { ingest, token } = own.instance.ready;
      const headers = {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        traceparent: `00-${TRACE}-${PARENT}-01`,
      };
      const response = await fetch(`${ingest}/v1/telemetry`, { method: "POST", headers, body: '{"n":1}' });
      expect(response.status).toBe(204);
      const row = /millrace_clickhouse_rows_total\{table="readings"\} [1-9]/;
      await eventually(async () => row.test(await own.api.metrics()), 60_000);
      await own.instance.stop();
      const log = await openInstanceLog(own.dataPath);
      let records = 0;
      for (const topic of ["telemetry", "readings"] as const) {
        await visitTopic(log, topic, (record) => {
          if (record.key === null) return;
          records += 1;
          expect(record.header("traceparent")).toBeUndefined();
        });
      }
      await log.close(AbortSignal.timeout(5000));
      expect(records).toBeGreaterThanOrEqual(2);
      expect(collector.requests).toEqual([]);
    } finally {
      await own.dispose();
      await collector.close();
    }
  });
});
