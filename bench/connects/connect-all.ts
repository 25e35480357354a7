import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { CONNACK_ACCEPTED, rawConnect } from "../../test/support/raw-mqtt.ts";

export const CONNECT_KINDS = ["tcp", "tls", "tls-resumed"] as const;
export type ConnectKind = (typeof CONNECT_KINDS)[number];

const AT_ONCE = 50;

/**
 * Opens a connection for each token, 50 at once, waits for its CONNACK and closes it. `sessions` keeps the TLS session of each client: a new one is taken
 * into it, and a resumed one is made of it. Throws when one is refused, or when what should be resumed is not.
 */
export async function connectAll(
  kind: ConnectKind,
  port: number,
  tokens: readonly string[],
  sessions: Map<number, Buffer>,
): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < tokens.length; index = next++) {
      const socket = await open(kind, port, sessions, index);
      const rest = [`bench-${index}`, tokens[index] ?? ""];
      socket.write(rawConnect({ clientId: `bench-${index}`, keepAlive: 0, rest }));
      const [answer] = (await once(socket, "data")) as [Buffer];
      if (answer.toString("hex") !== CONNACK_ACCEPTED) throw new Error(`refused: ${answer.toString("hex")}`);
      socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function open(kind: ConnectKind, port: number, sessions: Map<number, Buffer>, index: number): Promise<Socket> {
  if (kind === "tcp") {
    const socket = connectTcp({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    return socket;
  }
  const session = kind === "tls-resumed" ? sessions.get(index) : undefined;
  // The authority is the benchmark's own and gone: what is measured is the server.
  const socket: TLSSocket = connectTls({
    port,
    host: "127.0.0.1",
    rejectUnauthorized: false,
    ...(session && { session }),
  });
  if (kind === "tls") socket.on("session", (ticket) => sessions.set(index, ticket));
  await once(socket, "secureConnect");
  if (session !== undefined && !socket.isSessionReused()) throw new Error("the session was not resumed");
  return socket;
}
