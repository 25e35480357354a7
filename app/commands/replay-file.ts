import { MillraceError, errorText, isMillraceError } from "../../core/errors.ts";
import { listDevices, openCsvSource } from "../../device-sim/csv-source.ts";
import { loadMapping } from "../../device-sim/csv/load-mapping.ts";
import { replay } from "../../device-sim/replay/replay.ts";
import { formatFailure } from "./failure.ts";
import { flushDevices } from "./flush.ts";
import { EXIT, createProgress } from "./output.ts";
import { atBroker, interruptSignal, refuseConnected, registerDevices } from "./register-devices.ts";
import { requireBroker } from "./require-broker.ts";
import type { RecordedDevice } from "../../device-sim/csv-source.ts";
import type { ReplayMessage, ReplayResult } from "../../device-sim/replay/replay.ts";
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
      remedy: "Name campusiot, beijing-air, a mapping file, or a mapping such as 'device=id; ts=time; metric t=temp'.",
    });
  }
  const speed = readSpeed(options.speed);
  const mapping = await loadMapping(options.map);
  const devices = await listDevices(openCsvSource({ path, mapping }));
  await requireBroker(mqtt);
  const ids = devices.map(({ id }) => id);
  await refuseConnected(api, ids);
  const tokens = await registerDevices(
    api,
    ids.map((id) => ({ id })),
  );
  const source = openCsvSource({ path, mapping });
  const { progress, update } = replayProgress(devices);
  let lastTime = 0;
  const result = await replay({
    messages: watch(source.messages(), (message) => (lastTime = Math.max(lastTime, message.ts))),
    speed,
    url: mqtt,
    tokens,
    signal: interruptSignal(),
    onProgress: update,
  }).catch((error: unknown) => {
    throw atBroker(error, mqtt);
  });
  progress.end();
  const flush = result.complete && options.flush ? await endReplay(api, ids, lastTime) : null;
  const { skipped } = source.counts();
  console.log(
    json
      ? JSON.stringify({ ...result, skipped, lastTime, flushed: flush?.failure === null })
      : acknowledgedLine(result, devices.length, skipped),
  );
  if (flush !== null && flush.failure !== null) console.error(formatFailure(flush.failure, json));
  return result.complete && (flush === null || flush.failure === null) ? EXIT.ok : EXIT.failed;
}

/** Closes the windows of what was replayed. A failure does not undo the replay: it comes with the command that makes up for it. */
async function endReplay(
  api: ApiClient,
  devices: readonly string[],
  lastTime: number,
): Promise<{ readonly failure: MillraceError | null }> {
  // A day past the end closes every window and lets silences of up to a day be noticed. Not into the future: these devices may be
  // live, and what they send would be late.
  const upTo = Math.min(lastTime + DAY_MS, Date.now());
  try {
    await flushDevices(api, devices, upTo);
    return { failure: null };
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return {
      failure: new MillraceError(
        error.code,
        `the messages are in, but their windows are still open: ${errorText(error)}`,
        {
          cause: error,
          remedy: `close them with: millrace flush --up-to ${upTo} ${devices.join(" ")}`,
        },
      ),
    };
  }
}

function acknowledgedLine(result: ReplayResult, devices: number, skipped: Readonly<Record<string, number>>): string {
  const leftOut = Object.values(skipped).reduce((sum, rows) => sum + rows, 0);
  const { acknowledged, sent, resent } = result;
  return `${acknowledged} of ${sent} messages acknowledged (${resent} sent again) from ${devices} devices; ${leftOut} rows had nothing to send.`;
}

function replayProgress(devices: readonly RecordedDevice[]) {
  const progress = createProgress(
    "Replaying",
    devices.reduce((sum, device) => sum + device.messages, 0),
  );
  const update = (p: { acknowledged: number; connected: number; devices: number }): void =>
    progress.update(p.acknowledged, `${p.connected} of ${p.devices} connected`);
  return { progress, update };
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
