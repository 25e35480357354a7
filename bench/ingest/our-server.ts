import { randomBytes } from "node:crypto";
import { createAuthenticator } from "../../app/authenticator.ts";
import { createLogger } from "../../app/logging.ts";
import { createSystemReceiveClock } from "../../app/receive-clock.ts";
import { createBroker } from "../../broker/broker.ts";
import { LIMITS } from "../../core/limits.ts";
import { createMetrics } from "../../core/metrics.ts";
import { tokenHmac } from "../../registry/token.ts";
import { createCpuProfiler } from "./cpu-profiler.ts";
import { openIngestLog, PARTITIONS, type IngestLog } from "./open-ingest-log.ts";
import type { Principal } from "../../core/registry.ts";
import type { IngestClient } from "./load-shapes.ts";

/** A process with the broker and its log, and nothing else of an installation. This is its first message; it answers with its port. */
export interface OurServerOptions {
  readonly log: IngestLog;
  readonly clients: readonly IngestClient[];
}

/** Later messages: how many messages the log has taken; start a profile; stop it and tell the costs. */
export type OurServerQuestion = "appended" | "profile" | "costs";

const TENANT = "bench";

process.once("disconnect", () => process.exit(1));
process.once("message", (options: OurServerOptions) => void serve(options));

async function serve({ log: where, clients }: OurServerOptions): Promise<void> {
  const logger = createLogger("warn", "gateway");
  const metrics = createMetrics();
  const clock = createSystemReceiveClock();
  const log = await openIngestLog(where, { logger, metrics, clock });
  const broker = createBroker({
    listen: { host: "127.0.0.1", port: 0 },
    partitionCount: PARTITIONS,
    intake: log.intake("telemetry"),
    authenticator: createAuthenticator(lookUp(clients), clock),
    clock,
    gatewayId: "local",
    epoch: 1,
    logger,
    metrics,
    onSeen: () => undefined,
    // One address stands for all devices.
    limits: { connectsPerSecondPerAddressMax: LIMITS.connectionsMax },
  });
  await broker.start();
  const profiler = createCpuProfiler();
  const answers: Record<OurServerQuestion, () => Promise<unknown>> = {
    async appended() {
      const { partitions } = await log.status();
      return partitions.reduce((sum, { topic, endOffset }) => sum + (topic === "telemetry" ? endOffset : 0), 0);
    },
    profile: () => profiler.start(),
    costs: () => profiler.stop(),
  };
  process.on("message", (question: OurServerQuestion) => {
    void answers[question]().then((answer) => process.send?.({ answer }));
  });
  process.send?.({ port: broker.address.port });
}

/** What stands for the registry: the same HMAC, then a look-up in memory. */
function lookUp(clients: readonly IngestClient[]): (token: string) => Promise<Principal | null> {
  const secret = randomBytes(32);
  const byHmac = new Map(
    clients.map(({ id, token }) => [tokenHmac(secret, token), { kind: "device", tenant: TENANT, id } as const]),
  );
  return (token) => Promise.resolve(byHmac.get(tokenHmac(secret, token)) ?? null);
}
