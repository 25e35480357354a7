import { readFileSync } from "node:fs";
import { EXIT, createProgress, formatTable } from "./output.ts";
import type { Device, DeviceInput, Page } from "../../core/registry.ts";
import type { ApiClient } from "./api-client.ts";

interface JsonOption {
  readonly json: boolean;
}

/** A device as imported: with the token that it already has, where it has one. */
export type ImportedDevice = Omit<DeviceInput, "tenant"> & { readonly token?: string };

const IMPORT_CHUNK = 1000;

export async function addDevice(
  api: ApiClient,
  id: string,
  options: JsonOption & { name?: string; type?: string; label: Record<string, string> },
): Promise<number> {
  const { name, type, label } = options;
  const body = { id, ...(name === undefined ? {} : { name }), ...(type === undefined ? {} : { type }), labels: label };
  const { token } = await api.send<{ token: string }>("POST", "/devices", body);
  console.log(
    options.json ? JSON.stringify({ id, token }) : `Device ${id} is there. Its token, shown this once:\n${token}`,
  );
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
  console.log(options.json ? JSON.stringify(devices) : formatDevices(devices));
  return EXIT.ok;
}

function formatDevices(devices: readonly Device[]): string {
  if (devices.length === 0) return "No devices yet. Add one: millrace devices add my-device";
  const rows = devices.map((device) => [
    device.id,
    device.name,
    device.type ?? "–",
    device.disabled ? "disabled" : "enabled",
    device.lastSeen === null ? "never" : new Date(device.lastSeen).toISOString(),
  ]);
  return formatTable(["device", "name", "type", "state", "last seen"], rows);
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
      : `Device ${id} is ${disabled ? "disabled: its connections are closed and its token is refused" : "enabled"}.`,
  );
  return EXIT.ok;
}

export async function removeDevice(api: ApiClient, id: string, options: JsonOption): Promise<number> {
  await api.send("DELETE", `/devices/${encodeURIComponent(id)}`);
  console.log(
    options.json
      ? JSON.stringify({ id, removed: true })
      : `Device ${id} is removed, with its credentials, state and stored readings.`,
  );
  return EXIT.ok;
}

export async function importDevices(
  api: ApiClient,
  file: string,
  parse: (text: string) => readonly ImportedDevice[],
  options: JsonOption,
): Promise<number> {
  const devices = parse(readFileSync(file, "utf8"));
  const progress = createProgress("Importing", devices.length);
  for (let start = 0; start < devices.length; start += IMPORT_CHUNK) {
    await api.send("POST", "/devices/import", { devices: devices.slice(start, start + IMPORT_CHUNK) });
    progress.update(start + IMPORT_CHUNK);
  }
  progress.end();
  console.log(options.json ? JSON.stringify({ imported: devices.length }) : `${devices.length} devices imported.`);
  return EXIT.ok;
}
