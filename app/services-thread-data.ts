import type { MessagePort } from "node:worker_threads";
import type { Config } from "./config.ts";
import type { PeerPorts } from "./peers.ts";
import type { LogAccess } from "./thread-log.ts";

/** What the services thread is started with. */
export interface ServicesThreadData extends PeerPorts {
  readonly config: Config;
  readonly access: LogAccess;
  readonly registryPath: string;
  readonly secret: Uint8Array;
  /** See `installationId`. */
  readonly installation: string;
  readonly webhookSecret: string;
  readonly localToken: string;
  readonly control: MessagePort;
}
