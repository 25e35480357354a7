import { MessageChannel } from "node:worker_threads";
import { afterEach, describe, expect, it } from "vitest";
import { createPeers } from "../../../app/peers.ts";
import { serveThread } from "../../../app/thread-rpc.ts";
import { silentLogger } from "../../../core/logger.ts";
import { createMetrics } from "../../../core/metrics.ts";
import type { MessagePort } from "node:worker_threads";
import type { FunctionsApi, GatewayApi } from "../../../app/threads/thread-apis.ts";

const ports: MessagePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

function channel(): { here: MessagePort; there: MessagePort } {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1);
  return { here: port1, there: port2 };
}

/** The gateway and one thread of processors that does not answer. */
function stand() {
  const [gateway, processors, functions] = [channel(), channel(), channel()];
  const none: FunctionsApi = {
    health: async () => ({ reasons: [], faults: [], events: [] }),
    metrics: async () => [],
  };
  serveThread(functions.there, none, silentLogger);
  const disconnected: (readonly string[])[] = [];
  const metrics = createMetrics();
  metrics.counter("millrace_test_total", "A counter.").add(3);
  const api: GatewayApi = {
    health: () => ({ reasons: [], faults: [], events: [] }),
    metrics: () => metrics.snapshot(),
    mqtt: () => ({ port: 0, connections: 0 }),
    connectedOf: () => [],
    disconnect: (keys) => void disconnected.push(keys),
  };
  serveThread(gateway.there, api, silentLogger);
  const errors: object[] = [];
  const peers = createPeers(
    { gateway: gateway.here, processors: [processors.here], functions: functions.here, clickhouse: null },
    { ...silentLogger, error: (fields) => void errors.push(fields) },
  );
  return { peers, disconnected, errors, endGateway: () => gateway.there.close() };
}

describe("the other threads", () => {
  it("give the metrics of those that answer, and say which does not", async () => {
    const samples = await stand().peers.metrics();
    const values = samples.map(({ name, labels, value }) => [name, labels["part"], value]);
    expect(values).toEqual([
      ["millrace_part_answers", "gateway", 1],
      ["millrace_test_total", undefined, 3],
      ["millrace_part_answers", "processors.0", 0],
    ]);
  });

  it("have ended a revoked device's connections when that resolves", async () => {
    const { peers, disconnected } = stand();
    await peers.disconnect(["acme/a"]);
    expect(disconnected).toEqual([["acme/a"]]);
  });

  it("do not fail a revocation that is stored because the gateway has gone, and log it", async () => {
    const { peers, errors, endGateway } = stand();
    endGateway();
    await peers.disconnect(["acme/a"]);
    expect(errors).toMatchObject([{ keys: ["acme/a"] }]);
  });
});
