import type { Kysely } from "kysely";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Registry } from "../core/registry.ts";
import { createAlarmStore } from "./alarm-store.ts";
import { createAuditStore } from "./audit-store.ts";
import { createChangeWriter } from "./change-writer.ts";
import { createConfigStore } from "./config-store.ts";
import { createControlOutbox } from "./control-outbox.ts";
import { createCredentialStore } from "./credential-store.ts";
import { createDeviceImporter, type DeviceImporter } from "./device-importer.ts";
import { createDeviceStore } from "./device-store.ts";
import { writeLastSeen } from "./last-seen.ts";
import { migrate } from "./migrate.ts";
import type { ColumnTypes } from "./migrations/migration.ts";
import { createNotificationOutbox } from "./notification-outbox.ts";
import type { Tables } from "./schema.ts";
import { checkSecret } from "./secret-check.ts";

export interface AssembleOptions {
  readonly db: Kysely<Tables>;
  readonly types: ColumnTypes;
  readonly clock: Clock;
  readonly secret: Uint8Array;
  readonly logger: Logger;
  readonly adminTenant: string;
  /** Lets the database go. Called once or more, with no query under way. */
  close(): Promise<void>;
}

/** The registry on any database that Kysely has a dialect for: brings the tables up to date and puts the stores together. */
export async function assembleRegistry(options: AssembleOptions): Promise<Registry & DeviceImporter> {
  const { db, clock, secret, logger, adminTenant } = options;
  await migrate({ db, types: options.types, clock, logger });
  const listeners: ((keys: readonly string[]) => Promise<void> | void)[] = [];
  const write = createChangeWriter({
    db,
    clock,
    async onRevoked(keys) {
      for (const listener of listeners) await listener(keys);
    },
  });
  await checkSecret(write, secret);
  return {
    devices: createDeviceStore(db, write),
    credentials: createCredentialStore({ db, write, secret, adminTenant }),
    config: createConfigStore(db, write),
    controlOutbox: createControlOutbox(db, write, options.logger),
    alarms: createAlarmStore(db, write),
    notifications: createNotificationOutbox(db, write),
    audit: createAuditStore(db, write),
    ...createDeviceImporter(write, secret),
    touch: (lastSeen) => writeLastSeen(write, lastSeen),
    onRevoked: (listener) => void listeners.push(listener),
    close: () => options.close(),
  };
}
