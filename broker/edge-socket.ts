import type { Duplex } from "node:stream";

/** What an edge connection reads and writes: a TCP socket, one with TLS, or MQTT inside WebSocket frames. */
export type EdgeSocket = Duplex & {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  /** The TCP socket beneath, where it is another one. */
  readonly carrier?: Duplex;
};
