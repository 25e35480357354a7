import { randomUUID } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import { LIMITS } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { Registry } from "../core/registry.ts";
import { createAlarmStore } from "./alarm-store.ts";
import { createAuditStore } from "./audit-store.ts";
import { createChangeSignal } from "./change-signal.ts";
import { createChangeWriter } from "./change-writer.ts";
import { createConfigStore } from "./config-store.ts";
import { createControlOutbox } from "./control-outbox.ts";
import { createCredentialStore } from "./credential-store.ts";
import { createDeviceImporter, type DeviceImporter } from "./device-importer.ts";
import { createDeviceStore } from "./device-store.ts";
import type { RegistryEngine } from "./engine.ts";
import { createFunctionStore } from "./function-store.ts";
import { createRolloutStore } from "./rollout-store.ts";
import { createGatewayStore } from "./gateway-store.ts";
import { writeLastSeen } from "./last-seen.ts";
import { migrate } from "./migrate.ts";
import { createNotificationOutbox } from "./notification-outbox.ts";
import { startRevocationFeed } from "./revocation-feed.ts";
import { checkSecret } from "./secret-check.ts";
import { createTurns } from "./turns.ts";

export interface AssembleOptions {
  readonly engine: RegistryEngine;
  readonly clock: Clock;
  readonly secret: Uint8Array;
  readonly logger: Logger;
  readonly adminTenant: string;
}

/** The registry on any engine: brings the tables up to date and puts the stores together. */
export async function assembleRegistry(options: AssembleOptions): Promise<Registry & DeviceImporter> {
  const { engine, clock, secret, logger, adminTenant } = options;
  const { db, reads } = engine;
  await migrate({ engine, clock, logger });
  const listeners: ((keys: readonly string[]) => Promise<void> | void)[] = [];
  const onRevoked = async (keys: readonly string[]) => {
    for (const listener of listeners) await listener(keys);
  };
  const signal = createChangeSignal();
  const turns = createTurns(LIMITS.registryChangesWaitingMax);
  const origin = randomUUID();
  const write = createChangeWriter({ engine, turns, clock, origin, onChange: signal.wake, onRevoked });
  await checkSecret(write, secret);
  const feed = await startRevocationFeed({ db, signal, origin, onRevoked, logger });
  engine.listen(signal.wake);
  return {
    devices: createDeviceStore(reads, write),
    credentials: createCredentialStore({ db: reads, write, secret, adminTenant }),
    gateways: createGatewayStore(reads, write),
    config: createConfigStore(reads, write),
    controlOutbox: createControlOutbox({ engine, write, signal, logger }),
    alarms: createAlarmStore(reads, write),
    notifications: createNotificationOutbox(reads, write),
    audit: createAuditStore(reads, write),
    functions: createFunctionStore(reads, write),
    rollouts: createRolloutStore(reads, write),
    ...createDeviceImporter(write, secret),
    touch: (lastSeen) => writeLastSeen(write, lastSeen),
    onRevoked: (listener) => void listeners.push(listener),
    async close() {
      await turns.idle();
      await feed.stop();
      await engine.close();
    },
  };
}
