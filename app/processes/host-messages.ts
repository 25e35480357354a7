import type { LogConnection } from "../../log/embedded/connect-embedded-log.ts";
import type { Config } from "../config.ts";
import type { LogAccess } from "../thread-log.ts";
import type { CarriedMessage } from "./port-bridge.ts";

/** How a host opens the log: what cannot go to another process, it is told of or asks for. */
export type HostAccess =
  | Extract<LogAccess, { readonly kind: "kafka" }>
  | { readonly kind: "embedded"; readonly connection: Omit<LogConnection, "port" | "shared"> };

/** What a process that hosts a stage is started with. */
export interface HostStart {
  readonly config: Config;
  /** Its name. */
  readonly stage: string;
  readonly access: HostAccess;
}

/** Where the durable log ends, as `DurableMark` has it. */
export interface MarkMessage {
  readonly sequence: number;
  readonly retentions: number;
}

export type ToHost = { readonly start: HostStart } | { readonly mark: MarkMessage } | CarriedMessage;

/** `open`: a connection to the log, over the port of this number from now on. */
export type FromHost = { readonly open: number } | CarriedMessage;

/** The port of the calls of `HostApi`; those of connections come after it. */
export const HOST_PORT = 0;
