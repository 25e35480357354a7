import { MillraceError } from "../../core/errors.ts";
import { listDevices, openCsvSource } from "../../device-sim/csv-source.ts";
import { loadMapping } from "../../device-sim/csv/load-mapping.ts";
import { replay } from "../../device-sim/replay/replay.ts";
import { EXIT, createProgress } from "./output.ts";
import { interruptSignal, registerDevices } from "./register-devices.ts";
import { requireBroker } from "./require-broker.ts";
import type { ReplayMessage } from "../../device-sim/replay/replay.ts";
import type { ApiClient } from "./api-client.ts";
import type { SimulateOptions } from "./add-simulate-command.ts";

const DAY_MS = 86_400_000;

/** Replays a recorded file: registers its devices, publishes in file order, resends what was not acknowledged, closes the windows. */
export async function replayFile(
  api: ApiClient,
  mqtt: string,
  path: string,
  options: SimulateOptions,
  json: boolean,
): Promise<number> {
  if (options.map === undefined) {
    throw new MillraceError("INVALID_INPUT", "--replay needs --map", {
      remedy: "Name campusiot, beijing-air, a mapping file, or NAME=COLUMN pairs.",
    });
  }
  const mapping = await loadMapping(options.map);
  const devices = await listDevices(openCsvSource({ path, mapping }));
  await requireBroker(mqtt);
  const tokens = await registerDevices(
    api,
    devices.map(({ id }) => ({ id })),
  );
  const source = openCsvSource({ path, mapping });
  const progress = createProgress(
    "Replaying",
    devices.reduce((sum, device) => sum + device.messages, 0),
  );
  let lastTime = 0;
  const result = await replay({
    messages: watch(source.messages(), (message) => (lastTime = Math.max(lastTime, message.ts))),
    speed: readSpeed(options.speed),
    url: mqtt,
    tokens,
    signal: interruptSignal(),
    onProgress: (p) => progress.update(p.acknowledged, `${p.connected} of ${p.devices} connected`),
  });
  progress.end();
  // A day past the end closes every window and lets silences of up to a day be noticed.
  if (result.complete && options.flush) await api.send("POST", "/flush", { upTo: lastTime + DAY_MS });
  const { skipped } = source.counts();
  const leftOut = Object.values(skipped).reduce((sum, rows) => sum + rows, 0);
  console.log(
    json
      ? JSON.stringify({ ...result, skipped, lastTime })
      : `${result.acknowledged} of ${result.sent} messages acknowledged (${result.resent} sent again) from ${devices.length} devices; ${leftOut} rows had nothing to send.`,
  );
  return result.complete ? EXIT.ok : EXIT.failed;
}

async function* watch(
  messages: AsyncIterable<ReplayMessage>,
  see: (message: ReplayMessage) => void,
): AsyncGenerator<ReplayMessage, void> {
  for await (const message of messages) {
    see(message);
    yield message;
  }
}

function readSpeed(text: string): "max" | number {
  const speed = Number(text);
  if (text === "max" || speed > 0) return text === "max" ? "max" : speed;
  throw new MillraceError("INVALID_INPUT", `--speed ${text} is neither max nor a number above 0`);
}
