import { parseConfigDocument } from "../registry/config-document.ts";
import type { Registry } from "../core/registry.ts";

const ACTOR = "millrace start";

export interface DemoDevice {
  readonly id: string;
  readonly type: string;
  readonly token: string;
}

/** Applies the demo's types, devices and rules, and hands each device a fresh token; the ones of the last start stop working. */
export async function applyDemo(registry: Registry, tenant: string, yaml: string): Promise<readonly DemoDevice[]> {
  const document = parseConfigDocument(yaml, tenant);
  await registry.config.apply(document, ACTOR);
  const devices: DemoDevice[] = [];
  for (const { id, type } of document.devices) {
    devices.push({ id, type: type ?? "", token: await registry.credentials.issueDeviceToken(tenant, id, true, ACTOR) });
  }
  await registry.controlOutbox.drained(5000);
  return devices;
}
