import { createSignInCodes } from "../api/sign-in-codes.ts";
import { functionsStageName } from "../core/functions-stage.ts";
import { parseDeviceKey } from "../core/ids.ts";
import { MillraceError } from "../core/errors.ts";
import { stopSignal } from "./deadline.ts";
import { applyDemo } from "./demo-devices.ts";
import { createSystemReceiveClock } from "./receive-clock.ts";
import { closeBase, openBase, type Base } from "./services-base.ts";
import { startServices } from "./start-services.ts";
import type { OpenRegistry } from "../registry/open-registry.ts";
import type { ServicesThreadData } from "./services-thread-data.ts";
import type { ServicesApi } from "./threads/thread-apis.ts";

/** Registry, API, hub, notifications, ticks, control records: everything that is not the path of a message. */
export function createServices(data: ServicesThreadData): ServicesApi {
  const { config } = data;
  const clock = createSystemReceiveClock();
  const codes = createSignInCodes(clock);
  /** What is open and waits for a start. */
  let base: Base | null = null;
  let running: Awaited<ReturnType<typeof startServices>> | null = null;
  const registry = (): OpenRegistry => {
    if (running === null) throw new MillraceError("NOT_RUNNING", "the services have not started");
    return running.registry;
  };
  return {
    async prepare() {
      base = await openBase(data, clock);
    },
    async start() {
      const opened = base ?? (await openBase(data, clock));
      base = null;
      running = await startServices(data, opened, codes);
      return { httpPort: running.httpPort, adminToken: running.adminToken };
    },
    authenticate: (token) => registry().credentials.verify(token),
    async findDevice(key) {
      const ids = parseDeviceKey(key);
      const device = ids === null ? null : await registry().devices.get(ids.tenant, ids.device);
      if (device === null || device.disabled) return null;
      const principal = { kind: "device", tenant: device.tenant, id: device.id } as const;
      return device.gateway ? { ...principal, isGateway: true } : principal;
    },
    async publishable(gateway, ids) {
      const own = parseDeviceKey(gateway);
      return own === null ? [] : registry().gateways.publishable(own.tenant, own.device, ids);
    },
    touch: (lastSeen) => registry().touch(lastSeen),
    async stageSettings() {
      const all = await registry().functions.stageSettings();
      return new Map([...all].map(([stage, settings]) => [functionsStageName(stage), settings]));
    },
    signInCode: () => codes.issue({ kind: "admin", tenant: config.tenant, id: "sign-in link" }),
    async ensureDevice(id, token) {
      await registry().importDevices([{ tenant: config.tenant, id, token }], "millrace start");
      await registry().controlOutbox.drained(5000);
    },
    applyDemo: (yaml) => applyDemo(registry(), config.tenant, yaml),
    async stop(deadlineMs) {
      const signal = stopSignal(deadlineMs);
      const stopped = base === null ? running?.stop(signal) : closeBase(base, signal);
      // Who asks from now on is told so.
      running = null;
      await stopped;
    },
  };
}
