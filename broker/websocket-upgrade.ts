import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import type { EdgeLimits } from "./edge-limits.ts";
import type { EdgeSocket } from "./edge-socket.ts";
import type { RefusalReason } from "./refusals.ts";
import { createWebSocketSocket } from "./websocket-socket.ts";

/** RFC 6455 §5.2: the longest head of a frame. */
const FRAME_HEAD_BYTES = 14;

/** What the edge makes of a socket. */
interface Connection {
  end(reason: RefusalReason, cause?: unknown): void;
}

type WebSocketLimits = Pick<EdgeLimits, "connectPacketBytesMax" | "websocketFrameBytesMax" | "websocketPiecesMax">;

export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/**
 * Answers upgrade requests that were found to ask for MQTT, and hands the connections to the edge. Nothing is compressed: a few bytes
 * could become many.
 */
export function createWebSocketUpgrade(
  limits: WebSocketLimits,
  connect: (socket: EdgeSocket, request: IncomingMessage) => Connection,
): Upgrade {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: limits.websocketFrameBytesMax,
    maxFragments: limits.websocketPiecesMax,
    maxBufferedChunks: limits.websocketPiecesMax,
    handleProtocols: () => "mqtt",
  });
  return (request, socket, head) => {
    server.handleUpgrade(request, socket, head, (websocket) => {
      let connection: Connection | null = null;
      const stream = createWebSocketSocket(websocket, request.socket, {
        unansweredBytesMax: limits.connectPacketBytesMax + FRAME_HEAD_BYTES,
        onBreach: (error) => connection?.end("websocket-frame", error),
      });
      connection = connect(stream, request);
    });
  };
}
