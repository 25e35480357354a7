import type { IncomingHttpHeaders, Server } from "node:http";
import { errorText, MillraceError } from "../core/errors.ts";
import type { Readiness, Service } from "../core/lifecycle.ts";
import type { Principal } from "../core/registry.ts";
import type { ApiOptions } from "./api-options.ts";
import { buildHttpApp } from "./http-app.ts";

export interface ApiAddress {
  readonly host: string;
  readonly port: number;
  /** `http://host:port`, without a slash at the end. */
  readonly url: string;
}

export interface Api extends Service, Readiness {
  /** Where it listens. Throws NOT_RUNNING while it does not. */
  readonly address: ApiAddress;
  /** For WebSocket upgrades, from before `start`. */
  readonly server: Server;
  /** Who an upgrade request speaks for. Null: refuse it. With a cookie its Origin must be this host. */
  authenticateRequest(headers: IncomingHttpHeaders): Promise<Principal | null>;
}

/** HTTP: the API under /api/v1, its documentation, probes, metrics and the built pages. `start` rejects with PORT_IN_USE. */
export function createApi(options: ApiOptions): Api {
  const { app, gate } = buildHttpApp(options);
  let address: ApiAddress | null = null;
  return {
    get address() {
      if (address === null) throw new MillraceError("NOT_RUNNING", "The API is not listening.");
      return address;
    },
    server: app.server,
    authenticateRequest: (headers) => gate.authenticateUpgrade(headers),
    notReadyReasons: () => (address === null ? ["the API is not listening"] : []),
    async start() {
      await app.listen(options.listen).catch((error: unknown) => {
        throw listenError(error, options.listen);
      });
      address = addressOf(app.server, options.listen.host);
      options.logger.info({ url: address.url }, "the API listens");
    },
    async stop(signal) {
      address = null;
      const closed = app.close();
      const giveUp = Promise.withResolvers<void>();
      const letGo = () => {
        app.server.closeAllConnections();
        giveUp.resolve();
      };
      signal.addEventListener("abort", letGo, { once: true });
      if (signal.aborted) letGo();
      await Promise.race([closed, giveUp.promise]);
      signal.removeEventListener("abort", letGo);
    },
  };
}

function addressOf(server: Server, host: string): ApiAddress {
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  return { host, port, url: `http://${host.includes(":") ? `[${host}]` : host}:${port}` };
}

function listenError(error: unknown, { host, port }: ApiOptions["listen"]): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE") {
    return new MillraceError("PORT_IN_USE", `Port ${port} on ${host} is in use.`, {
      cause: error,
      remedy: "Stop what listens there, or choose another port with --http-port.",
    });
  }
  if (code === "EACCES" || code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
    return new MillraceError("CONFIG_INVALID", `The API cannot listen on ${host} port ${port}: ${errorText(error)}`, {
      cause: error,
    });
  }
  return error;
}
