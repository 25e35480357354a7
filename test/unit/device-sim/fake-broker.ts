import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import mqttPacket, { type Packet } from "mqtt-packet";

export interface Received {
  readonly client: string;
  readonly connection: number;
  readonly packetId: number;
  readonly dup: boolean;
  readonly topic: string;
  readonly payload: string;
}

/** What the broker does with a PUBLISH: acknowledge it, keep silent, cut the connection before or after acknowledging. */
export type Verdict = "ack" | "silent" | "cut" | "ack-then-cut";

export interface FakeBroker {
  readonly url: string;
  /** Every PUBLISH in the order of arrival. */
  readonly received: readonly Received[];
  readonly connects: readonly { readonly clientId: string; readonly username: string; readonly token: string }[];
  /** Stops listening and cuts everybody; `start` listens on the same port again. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface FakeBrokerOptions {
  readonly decide?: (message: Received) => Verdict;
  readonly returnCode?: (clientId: string) => number;
}

/** A broker of one page on a real socket: CONNECT, PUBLISH QoS 1, PINGREQ. */
export async function startFakeBroker(options: FakeBrokerOptions = {}): Promise<FakeBroker> {
  const received: Received[] = [];
  const connects: { clientId: string; username: string; token: string }[] = [];
  const sockets = new Set<Socket>();
  let server = createServer(serverOnConnection);
  let port = 0;
  let connections = 0;

  function serverOnConnection(socket: Socket): void {
    const connection = connections++;
    const parser = mqttPacket.parser({ protocolVersion: 4 });
    let client = "";
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => parser.parse(chunk));
    parser.on("packet", (packet: Packet) => {
      if (socket.destroyed) return;
      if (packet.cmd === "connect") {
        client = packet.clientId;
        connects.push({ clientId: client, username: packet.username ?? "", token: String(packet.password) });
        const returnCode = options.returnCode?.(client) ?? 0;
        socket.write(mqttPacket.generate({ cmd: "connack", returnCode, sessionPresent: false }));
        if (returnCode !== 0) socket.end();
      } else if (packet.cmd === "publish") {
        const { messageId: packetId = 0, dup, topic } = packet;
        const message = { client, connection, packetId, dup, topic, payload: String(packet.payload) };
        received.push(message);
        answer(socket, packetId, options.decide?.(message) ?? "ack");
      } else if (packet.cmd === "pingreq") {
        socket.write(mqttPacket.generate({ cmd: "pingresp" }));
      } else if (packet.cmd === "disconnect") {
        socket.end();
      }
    });
  }

  const start = async () => {
    server = createServer(serverOnConnection);
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    port = addressOf(server.address()).port;
  };
  await start();
  return {
    url: `mqtt://127.0.0.1:${port}`,
    received,
    connects,
    start,
    async stop() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function answer(socket: Socket, packetId: number, verdict: Verdict): void {
  const puback = mqttPacket.generate({ cmd: "puback", messageId: packetId });
  if (verdict === "ack") socket.write(puback);
  else if (verdict === "ack-then-cut") socket.end(puback);
  else if (verdict === "cut") socket.destroy();
}

function addressOf(address: AddressInfo | string | null): AddressInfo {
  if (address === null || typeof address === "string") throw new Error("the fake broker listens on no port");
  return address;
}
