import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

/** For `millrace start`: wherever there is room. */
export const FREE_PORTS = ["--mqtt-port", "0", "--http-port", "0", "--ingest-port", "0"] as const;

/** A port of 127.0.0.1 that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
