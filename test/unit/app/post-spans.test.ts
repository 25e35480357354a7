import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { encodeSpans } from "../../../app/tracing/otlp-json.ts";
import { createPostSpans, type PostResult } from "../../../app/tracing/post-spans.ts";
import { LIMITS } from "../../../core/limits.ts";
import { SPAN_KIND } from "../../../core/tracing.ts";
import { freePort } from "../../support/free-port.ts";
import { startOtlpReceiver } from "../../support/otlp-receiver.ts";

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

async function post(listener: RequestListener, signal: AbortSignal = AbortSignal.timeout(5000)): Promise<PostResult> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => (server.closeAllConnections(), server.close()));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return createPostSpans({ url: `http://127.0.0.1:${port}/v1/traces`, headers: {} })("{}", signal);
}
const answer =
  (status: number, body = "", headers: Readonly<Record<string, string>> = {}): RequestListener =>
  (request, response) =>
    void request.resume().on("end", () => response.writeHead(status, headers).end(body));

describe("a request to the collector", () => {
  it.each([
    ["{}", 0],
    ["", 0],
    ["no JSON", 0],
    ['{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}', 3],
    ['{"partialSuccess":{"rejectedSpans":2}}', 2],
    ['{"partialSuccess":{"rejectedSpans":"-1"}}', 0],
    ['{"partialSuccess":null}', 0],
    ["x".repeat(10 * LIMITS.traceAnswerBytesMax), 0],
  ])("is taken with %.60j", async (body, rejectedSpans) => {
    expect(await post(answer(200, body))).toEqual({ outcome: "taken", rejectedSpans });
  });

  it.each([429, 502, 503, 504])("may be sent again after %d, when the collector says", async (status) => {
    expect(await post(answer(status))).toMatchObject({ outcome: "away", retryAfterMs: 0 });
    expect(await post(answer(status, "", { "retry-after": "7" }))).toMatchObject({ retryAfterMs: 7000 });
    expect(await post(answer(status, "", { "retry-after": "99999" }))).toMatchObject({
      retryAfterMs: LIMITS.traceRetryDelayMsMax,
    });
    expect(await post(answer(status, "", { "retry-after": "Fri, 31 Dec 2027" }))).toMatchObject({ retryAfterMs: 0 });
  });

  it.each([301, 400, 401, 404, 413, 500])("is not sent again after %d", async (status) => {
    expect(await post(answer(status))).toEqual({ outcome: "refused", why: `the collector answered ${status}` });
  });

  it("fails for a while where nobody listens, the connection breaks off, or no answer comes", async () => {
    const url = `http://127.0.0.1:${await freePort()}/v1/traces`;
    expect(await createPostSpans({ url, headers: {} })("{}", AbortSignal.timeout(5000))).toMatchObject({
      outcome: "away",
      why: expect.stringContaining("ECONNREFUSED"),
    });
    expect(await post((request) => void request.socket.destroy())).toMatchObject({ outcome: "away" });
    expect(await post(() => undefined, AbortSignal.timeout(30))).toMatchObject({ outcome: "away" });
    const half: RequestListener = (_, response) => void response.writeHead(200, { "content-length": "100" }).write("{");
    expect(await post(half, AbortSignal.timeout(100))).toMatchObject({ outcome: "away" });
  });

  it("has spans as OTLP's JSON has them: nanoseconds and integers as text, hexadecimal ids", async () => {
    const collector = await startOtlpReceiver();
    const ids = { traceId: "a".repeat(32), spanId: "b".repeat(16), parentSpanId: "c".repeat(16) };
    const attributes = { text: "é", whole: 7, part: 0.5, isTrue: true };
    const span = { ...ids, name: "one", kind: SPAN_KIND.server, startMs: 1_700_000_000_000.25, endMs: 0, attributes };
    const body = encodeSpans([{ ...span, error: "it failed" }], { "service.name": "millrace" });
    await createPostSpans({ url: `${collector.url}/v1/traces`, headers: { key: "k" } })(
      body,
      AbortSignal.timeout(5000),
    );
    expect(collector.faults).toEqual([]);
    expect(collector.requests[0]?.headers).toMatchObject({ "content-type": "application/json", key: "k" });
    expect(collector.spans).toEqual([
      {
        ...ids,
        flags: 1,
        name: "one",
        kind: 2,
        // A clock that went back makes no span that ends before it begins.
        startTimeUnixNano: "1700000000000250000",
        endTimeUnixNano: "1700000000000250000",
        attributes: { text: "é", whole: "7", part: 0.5, isTrue: true },
        status: { code: 2, message: "it failed" },
        resource: { "service.name": "millrace" },
      },
    ]);
    await collector.close();
  });
});
