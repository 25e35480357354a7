import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createAuthenticator } from "../../app/authenticator.ts";
import { createLogger } from "../../app/logging.ts";
import { createSystemReceiveClock } from "../../app/receive-clock.ts";
import { createBroker } from "../../broker/broker.ts";
import { openTlsContext } from "../../broker/tls-context.ts";
import { LIMITS } from "../../core/limits.ts";
import { createMetrics } from "../../core/metrics.ts";
import { tokenHmac } from "../../registry/token.ts";
import { createAuthority } from "../../test/support/certificates.ts";
import { openIngestLog, PARTITIONS } from "../ingest/open-ingest-log.ts";
import type { Principal } from "../../core/registry.ts";

/** A process with a gateway that serves MQTT with and without TLS: its first message says where its log goes and which tokens are good. */
export interface ConnectServerOptions {
  readonly directory: string;
  readonly tokens: readonly string[];
}

export interface ConnectServerReady {
  readonly port: number;
  readonly tlsPort: number;
}

process.once("disconnect", () => process.exit(1));
process.once("message", (options: ConnectServerOptions) => void serve(options));

async function serve({ directory, tokens }: ConnectServerOptions): Promise<void> {
  const logger = createLogger("warn", "gateway");
  const metrics = createMetrics();
  const clock = createSystemReceiveClock();
  const log = await openIngestLog({ kind: "embedded", directory: `${directory}/log` }, { logger, metrics, clock });
  const authority = createAuthority("bench");
  const { cert, key } = authority.issue("bench");
  authority.dispose();
  const files = { cert: `${directory}/cert.pem`, key: `${directory}/key.pem` };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key);
  const context = await openTlsContext(
    { ...files, clientCa: undefined, clientCertRequired: false },
    logger,
    LIMITS.tlsReloadIntervalMs,
  );
  const secret = randomBytes(32);
  const known = new Map<string, Principal>(
    tokens.map((token, index) => [
      tokenHmac(secret, token),
      { kind: "device", tenant: "bench", id: `bench-${index}` } as const,
    ]),
  );
  const broker = createBroker({
    listen: { host: "127.0.0.1", port: 0 },
    tls: { context, listen: { host: "127.0.0.1", port: 0 }, tenant: "bench", findDevice: () => Promise.resolve(null) },
    partitionCount: PARTITIONS,
    intake: log.intake("telemetry"),
    authenticator: createAuthenticator((token) => Promise.resolve(known.get(tokenHmac(secret, token)) ?? null), clock),
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
  const { port, tlsPort } = broker.address;
  process.send?.({ port, tlsPort: tlsPort ?? 0 } satisfies ConnectServerReady);
}
