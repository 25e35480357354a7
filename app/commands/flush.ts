import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { EXIT } from "./output.ts";
import { parseTimeText } from "./time-text.ts";
import type { ApiClient } from "./api-client.ts";

export interface FlushOptions {
  readonly json: boolean;
  readonly upTo: string;
  readonly all?: boolean;
}

/** `millrace flush --up-to TIME DEVICE...`, or `--all`. */
export async function flushCommand(
  connect: () => ApiClient,
  devices: readonly string[],
  { upTo: text, all = false, json }: FlushOptions,
): Promise<number> {
  if (all === devices.length > 0) {
    throw new MillraceError("INVALID_INPUT", all ? "--all names every device already" : "no device is named", {
      remedy: "Name the devices of the file that was played, or say --all if no device is live.",
    });
  }
  const upTo = parseTimeText(text);
  const api = connect();
  await (all ? api.send("POST", "/flush", { upTo }) : flushDevices(api, devices, upTo));
  const whose = all ? "every device" : `${devices.length} ${devices.length === 1 ? "device" : "devices"}`;
  console.log(
    json
      ? JSON.stringify({ upTo, devices: all ? null : devices })
      : `Flushed ${whose} up to ${new Date(upTo).toISOString()}.`,
  );
  return EXIT.ok;
}

/** In as many requests as the API's limit makes it. */
export async function flushDevices(api: ApiClient, devices: readonly string[], upTo: number): Promise<void> {
  for (let start = 0; start < devices.length; start += LIMITS.flushDevicesMax) {
    await api.send("POST", "/flush", { upTo, devices: devices.slice(start, start + LIMITS.flushDevicesMax) });
  }
}
