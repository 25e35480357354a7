import { createServer } from "node:net";
import { MillraceError } from "../core/errors.ts";
import { rolesOf } from "./roles.ts";
import type { Config } from "./config.ts";

/** Before anything is started that would have to be stopped again. Others than "taken" are for whoever listens to say. PORT_IN_USE. */
export async function requireFreePorts({ host, role, mqttPort, ingestPort, httpPort }: Config): Promise<void> {
  await requireFree(host, mqttPort, "--mqtt-port");
  if (rolesOf(role).has("gateway")) await requireFree(host, ingestPort, "--ingest-port");
  await requireFree(host, httpPort, "--http-port");
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
