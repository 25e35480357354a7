import { createServer } from "node:net";
import { MillraceError } from "../core/errors.ts";
import { rolesOf } from "./roles.ts";
import { type Config, plainHost } from "./config.ts";

/** Before anything is started that would have to be stopped again. Others than "taken" are for whoever listens to say. PORT_IN_USE. */
export async function requireFreePorts(config: Config): Promise<void> {
  const { host, mqttPort, mqttTlsPort, ingestPort, httpPort, scalerPort } = config;
  const plain = plainHost(config);
  await requireFree(plain, mqttPort, "--mqtt-port");
  if (rolesOf(config.role).has("gateway")) {
    await requireFree(config.tlsCert === undefined ? plain : host, ingestPort, "--ingest-port");
    if (config.tlsCert !== undefined) await requireFree(host, mqttTlsPort, "--mqtt-tls-port");
  }
  await requireFree(plain, httpPort, "--http-port");
  if (scalerPort !== undefined) await requireFree(plain, scalerPort, "--scaler-port");
}

async function requireFree(host: string, port: number, flag: string): Promise<void> {
  if (port === 0 || (await isFree(host, port))) return;
  throw new MillraceError("PORT_IN_USE", `port ${port} on ${host} is in use`, {
    remedy: `Stop what listens there, or choose another port with ${flag}.`,
  });
}

/** True also when it cannot be listened on for another reason than that somebody does. */
export function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error) => resolve(!("code" in error && error.code === "EADDRINUSE")));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
