import { once } from "node:events";
import { createServer } from "node:net";

/** For `millrace start`: wherever there is room. */
export const FREE_PORTS = ["--mqtt-port", "0", "--http-port", "0", "--ingest-port", "0"] as const;

/** Below those that systems give to connections that go out (32768 on Linux, 49152 elsewhere): none of them takes it while nobody listens on it. */
const PORT_MIN = 20_000;
const PORT_MAX = 32_000;

/** A port of 127.0.0.1 that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN));
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
