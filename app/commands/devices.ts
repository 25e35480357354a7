import { MillraceError } from "../../core/errors.ts";
import { isId } from "../../core/ids.ts";
import { isConfirmed, type AskingOptions } from "./is-confirmed.ts";
import { EXIT, formatTable } from "./output.ts";
import { publishLine } from "./publish-line.ts";
import type { Device, Page } from "../../core/registry.ts";
import type { ApiClient } from "./api-client.ts";

interface JsonOption {
  readonly json: boolean;
}

export interface NewDeviceOptions {
  readonly name?: string;
  readonly type?: string;
  readonly label?: Record<string, string>;
  readonly gateway?: boolean;
  readonly provisions?: boolean;
  readonly via?: string;
}

export async function addDevice(api: ApiClient, id: string, options: JsonOption & NewDeviceOptions): Promise<number> {
  if (!isId(id)) {
    throw new MillraceError("INVALID_INPUT", `${JSON.stringify(id)} is no device id`, {
      remedy: "Use 1 to 128 characters of A–Z a–z 0–9 _ . : and -, and not . or .. alone.",
    });
  }
  const { name, type, label: labels = {}, provisions, via } = options;
  const gateway = provisions === true ? true : options.gateway;
  // JSON leaves out what is undefined.
  const body = { id, name, type, labels, gateway, provisions, via };
  const { token } = await api.send<{ token: string }>("POST", "/devices", body);
  if (options.json) {
    console.log(JSON.stringify({ id, token }));
    return EXIT.ok;
  }
  const publish = publishLine(await api.mqttUrl(), id, token);
  const lines = [
    `Device ${id} is there. Its token, shown this once:`,
    token,
    "",
    "Send a reading:",
    "",
    `  ${publish}`,
  ];
  if (via !== undefined) lines.push("", `Its gateway ${via} publishes for it too, with the token of ${via}.`);
  if (gateway === true)
    lines.push("", "Add the devices that it publishes for:", "", `  millrace devices add DEVICE --via ${id}`);
  console.log(lines.join("\n"));
  return EXIT.ok;
}

export async function assignDevice(
  api: ApiClient,
  id: string,
  via: string | null,
  options: JsonOption,
): Promise<number> {
  await api.send("PATCH", `/devices/${encodeURIComponent(id)}`, { via });
  const text = via === null ? `No gateway publishes for ${id}.` : `Gateway ${via} publishes for ${id}.`;
  console.log(options.json ? JSON.stringify({ id, via }) : text);
  return EXIT.ok;
}

export async function listDevices(
  api: ApiClient,
  options: JsonOption & { search?: string; type?: string },
): Promise<number> {
  const devices: Device[] = [];
  for (let after: string | null = ""; after !== null;) {
    const query = new URLSearchParams({ limit: "1000" });
    if (after !== "") query.set("after", after);
    if (options.search !== undefined) query.set("search", options.search);
    if (options.type !== undefined) query.set("type", options.type);
    const page: Page<Device> = await api.get<Page<Device>>(`/devices?${query.toString()}`);
    devices.push(...page.items);
    after = page.next;
  }
  const filtered = options.search !== undefined || options.type !== undefined;
  console.log(options.json ? JSON.stringify(devices) : formatDevices(devices, filtered));
  return EXIT.ok;
}

function formatDevices(devices: readonly Device[], filtered: boolean): string {
  if (devices.length === 0)
    return filtered ? "No device matches." : "No devices yet. Add one: millrace devices add my-device";
  const rows = devices.map((device) => [
    device.id,
    device.name,
    device.type ?? "–",
    device.gateway ? "(gateway)" : (device.via ?? "–"),
    device.disabled ? "disabled" : "enabled",
    device.lastSeen === null ? "never" : new Date(device.lastSeen).toISOString(),
  ]);
  return formatTable(["device", "name", "type", "via", "state", "last seen"], rows);
}

export async function rotateToken(api: ApiClient, id: string, options: JsonOption): Promise<number> {
  const { token } = await api.send<{ token: string }>("POST", `/devices/${encodeURIComponent(id)}/token`);
  console.log(
    options.json ? JSON.stringify({ id, token }) : `New token of ${id}; the older ones no longer work:\n${token}`,
  );
  return EXIT.ok;
}

export async function setDeviceDisabled(
  api: ApiClient,
  id: string,
  disabled: boolean,
  options: JsonOption,
): Promise<number> {
  await api.send("PATCH", `/devices/${encodeURIComponent(id)}`, { disabled });
  console.log(
    options.json
      ? JSON.stringify({ id, disabled })
      : `Device ${id} is ${disabled ? "disabled: its connections are closed, its token is refused, and its kept sessions are gone with what waited in them" : "enabled"}.`,
  );
  return EXIT.ok;
}

export async function removeDevice(api: ApiClient, id: string, options: JsonOption & AskingOptions): Promise<number> {
  const stays =
    "Its messages stay in the log until retention, what it retained over MQTT until somebody clears it, and its id in the audit.";
  const question = `Remove device ${id} for good, with its credentials, state, alarms and stored readings? ${stays}`;
  if (!options.yes && !(await isConfirmed({ what: `remove device ${id}`, question }, options.terminal))) {
    console.log("Nothing is removed.");
    return EXIT.ok;
  }
  await api.send("DELETE", `/devices/${encodeURIComponent(id)}`);
  console.log(
    options.json
      ? JSON.stringify({ id, removed: true })
      : `Device ${id} is removed, with its credentials, state and stored readings.`,
  );
  return EXIT.ok;
}
