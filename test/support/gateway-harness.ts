import { createRedisLink, type LinkLimits } from "../../broker/redis/redis-link.ts";
import { RedisSessionStore } from "../../broker/redis/redis-session-store.ts";
import type { FaultTransition } from "../../core/fault.ts";
import { silentLogger } from "../../core/logger.ts";
import { createMetrics } from "../../core/metrics.ts";
import type { MqttClient } from "mqtt";
import { type BrokerHarness, startBroker } from "./broker-harness.ts";

export interface Gateway extends BrokerHarness {
  /** The sum of a metric of its link. */
  metric(name: string): number;
  readonly faults: readonly { readonly transition: FaultTransition; readonly text: string }[];
}

type GatewayOptions = Parameters<typeof startBroker>[0] & {
  readonly installation?: string;
  readonly linkLimits?: Partial<LinkLimits>;
};

/** A broker with its own log in memory, linked to others through the Redis at `url`. */
export async function startGateway(url: string, options: GatewayOptions = {}): Promise<Gateway> {
  const { installation = "test", linkLimits = {}, ...brokerOptions } = options;
  const metrics = createMetrics();
  const faults: Gateway["faults"][number][] = [];
  const link = createRedisLink({
    url,
    installation,
    logger: silentLogger,
    metrics,
    onFault: (_id, transition, text) => void faults.push({ transition, text }),
    limits: linkLimits,
  });
  const sessions = new RedisSessionStore({
    url,
    installation,
    logger: silentLogger,
    metrics,
    onFault: (_id, transition, text) => void faults.push({ transition, text }),
    limits: { ...linkLimits, ...brokerOptions.limits },
  });
  const harness = await startBroker({ sessions, ...brokerOptions, link });
  return Object.assign(harness, {
    faults,
    metric: (name: string) =>
      metrics
        .snapshot()
        .filter((sample) => sample.name === name)
        .reduce((sum, { value }) => sum + value, 0),
  });
}

/** `topic payload` of everything that the client receives from now on. */
export function collect(client: MqttClient): string[] {
  const received: string[] = [];
  client.on("message", (topic, payload) => received.push(`${topic} ${payload.toString()}`));
  return received;
}

/** Resolves when the client's connection is closed. */
export function ended(client: MqttClient): Promise<void> {
  return new Promise((resolve) => client.once("close", () => resolve()));
}
