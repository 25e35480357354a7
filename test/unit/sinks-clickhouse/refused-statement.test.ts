import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../../core/clock.ts";
import { silentLogger } from "../../../core/logger.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { createClickHouseSink } from "../../../sinks/clickhouse/clickhouse-sink.ts";
import { createMemoryEventLog } from "../../support/memory-event-log.ts";

/** A ClickHouse that answers, and refuses every statement. */
async function refusingServer(): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    response
      .writeHead(400)
      .end("Code: 62. DB::Exception: Syntax error: failed at position 1. (SYNTAX_ERROR) (version 26.7)");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => new Promise((resolve) => void (server.closeAllConnections(), server.close(() => resolve()))));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it("stands still for a statement that is refused for good, and does not take it for an outage", async () => {
  const url = await refusingServer();
  const metrics = createMetrics();
  const faults: string[] = [];
  const sink = createClickHouseSink({
    log: createMemoryEventLog(),
    firstGeneration: 0,
    installation: "test",
    connection: () => ({ place: "server", url, username: "writer", password: "x", database: "default" }),
    clock: systemClock,
    logger: silentLogger,
    metrics,
    onFault: (id, transition, text) => void faults.push(`${id} ${transition}: ${text}`),
  });
  await sink.start();
  onTestFinished(() => sink.stop(AbortSignal.timeout(1000)));
  await expect.poll(() => faults.length, { timeout: 10_000 }).toBeGreaterThan(0);
  expect(faults[0]).toMatch(
    /^clickhouse-refused raised: Rows do not reach ClickHouse: .*refuses to .*SYNTAX_ERROR.* this is not an outage/,
  );
  expect(sink.notReadyReasons()[0]).toContain("Rows do not reach ClickHouse");
  const breaker = metrics.snapshot().find(({ name }) => name === "millrace_sink_breaker_state");
  expect(breaker?.value).toBe(0);
});
