import type { Server } from "node:net";
import { errorText, MillraceError } from "../core/errors.ts";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Resolves with the port. `what` is served there. PORT_IN_USE, CONFIG_INVALID. */
export async function listen(server: Server, { host, port }: ListenAddress, what: string): Promise<number> {
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject);
  server.listen(port, host, listening.resolve);
  try {
    await listening.promise;
  } catch (error) {
    const isTaken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
    const text = `${what} cannot be served: ${errorText(error)}`;
    throw new MillraceError(isTaken ? "PORT_IN_USE" : "CONFIG_INVALID", text, {
      cause: error,
      remedy: isTaken ? `stop what listens on port ${port}, or choose another` : "choose another address or port",
    });
  }
  server.off("error", listening.reject);
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}

/** Takes no more connections; resolves when the last one has ended. Also for a server that does not listen. */
export function closed(server: Server): Promise<void> {
  return new Promise((resolve) => void server.close(() => resolve()));
}
