import { MillraceError, isMillraceError } from "../../core/errors.ts";
import { isId } from "../../core/ids.ts";
import { readInputFile } from "./input-file.ts";
import { EXIT, createProgress, formatTable } from "./output.ts";
import type { Device, ImportedDevice, Page } from "../../core/registry.ts";
import type { ApiClient } from "./api-client.ts";

interface JsonOption {
  readonly json: boolean;
}

const IMPORT_CHUNK = 1000;

export async function addDevice(
  api: ApiClient,
  id: string,
  options: JsonOption & { name?: string; type?: string; label: Record<string, string> },
): Promise<number> {
  if (!isId(id)) {
    throw new MillraceError("INVALID_INPUT", `${JSON.stringify(id)} is no device id`, {
      remedy: "Use 1 to 128 characters of A–Z a–z 0–9 _ . : and -.",
    });
  }
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
    device.disabled ? "disabled" : "enabled",
    device.lastSeen === null ? "never" : new Date(device.lastSeen).toISOString(),
  ]);
  return formatTable(["device", "name", "type", "state", "last seen"], rows);
}

export async function rotateToken(api: ApiClient, id: string, options: JsonOption): Promise<number> {
  const { token } = await ofDevice(api.send<{ token: string }>("POST", `/devices/${encodeURIComponent(id)}/token`));
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
  await ofDevice(api.send("PATCH", `/devices/${encodeURIComponent(id)}`, { disabled }));
  console.log(
    options.json
      ? JSON.stringify({ id, disabled })
      : `Device ${id} is ${disabled ? "disabled: its connections are closed and its token is refused" : "enabled"}.`,
  );
  return EXIT.ok;
}

export async function removeDevice(api: ApiClient, id: string, options: JsonOption): Promise<number> {
  await ofDevice(api.send("DELETE", `/devices/${encodeURIComponent(id)}`));
  console.log(
    options.json
      ? JSON.stringify({ id, removed: true })
      : `Device ${id} is removed, with its credentials, state and stored readings.`,
  );
  return EXIT.ok;
}

/** The API's remedy for a device that does not exist is a route; on the command line it is a command. */
async function ofDevice<T>(answer: Promise<T>): Promise<T> {
  return await answer.catch((error: unknown) => {
    if (!isMillraceError(error, "NOT_FOUND")) throw error;
    throw new MillraceError("NOT_FOUND", error.message, { cause: error, remedy: "See millrace devices list." });
  });
}

export async function importDevices(
  api: ApiClient,
  file: string,
  parse: (text: string) => readonly ImportedDevice[],
  options: JsonOption,
): Promise<number> {
  const devices = readInputFile(file, parse);
  const progress = createProgress("Importing", devices.length);
  for (let start = 0; start < devices.length; start += IMPORT_CHUNK) {
    await api.send("POST", "/devices/import", { devices: devices.slice(start, start + IMPORT_CHUNK) });
    progress.update(start + IMPORT_CHUNK);
  }
  progress.end();
  console.log(
    options.json
      ? JSON.stringify({ imported: devices.length })
      : `${devices.length} ${devices.length === 1 ? "device" : "devices"} imported.`,
  );
  return EXIT.ok;
}
