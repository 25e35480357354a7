import { resolve } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import { DevSession } from "../functions/dev-session.ts";
import { requireProject } from "../functions/require-project.ts";
import { watchProject } from "../functions/watch-project.ts";
import { EXIT } from "./output.ts";
import { interruptSignal } from "./register-devices.ts";
import { aborted } from "../../core/aborted.ts";
import type { ServerMessage, WatchMessage } from "../../dashboard/live-protocol.ts";
import type { ApiClient } from "./api-client.ts";

export interface DevOptions {
  readonly fixture?: string;
  /** The device whose readings are run as they come in, instead of fixtures. */
  readonly live?: string;
  readonly records: number;
}

/**
 * `millrace dev [DIR]`: runs the functions of a project over fixtures, or what a device sends, again whenever a file is saved. INVALID_INPUT
 * where nothing could run; NOT_FOUND for a device that is not there.
 */
export async function devCommand(folder: string, options: DevOptions, api: () => ApiClient): Promise<number> {
  const { fixture, live, records: shown } = options;
  requireProject({ folder, ...(fixture === undefined ? {} : { fixture }) });
  // NOT_FOUND here: the connection says nothing of a device that is not there.
  if (live !== undefined) await api().get(`/devices/${encodeURIComponent(live)}`);
  const project = resolve(folder);
  const signal = interruptSignal();
  const session = new DevSession({
    project,
    shown,
    print: (line) => console.log(line),
    ...(fixture === undefined ? {} : { fixture }),
  });
  const load = live === undefined ? () => session.runChanged() : () => session.follow();
  try {
    await load();
    watchProject(project, signal, async (since) => {
      await load();
      console.log(`Reloaded in ${Math.round(performance.now() - since)} ms.`);
    });
    console.log("Waiting for changes; Ctrl-C ends it.");
    await (live === undefined ? aborted(signal) : follow(session, api(), live, signal));
    return EXIT.ok;
  } finally {
    await session.end();
  }
}

/** Until `signal` aborts. NOT_RUNNING when the connection to the instance ends before. */
async function follow(session: DevSession, api: ApiClient, device: string, signal: AbortSignal): Promise<void> {
  const socket = api.openLive();
  const watched: WatchMessage = { type: "watch", id: 1, overview: false, alarms: false, devices: [], device };
  let work = Promise.resolve();
  socket.addEventListener("open", () => socket.send(JSON.stringify(watched)));
  socket.addEventListener("message", ({ data }) => {
    // What the hub says has the shapes of live-protocol.ts: both are of this program.
    const message = JSON.parse(String(data)) as ServerMessage;
    if (message.type !== "readings") return;
    const entries = message.readings.map(([ts, received, metrics]) => ({
      ts,
      received,
      device,
      metrics: { ...metrics },
    }));
    work = work.then(() => session.next(entries));
  });
  const lost = new Promise<never>((_resolve, reject) => {
    const end = (): void =>
      reject(new MillraceError("NOT_RUNNING", `the connection to ${api.url} has ended`, { remedy: "Start it again." }));
    socket.addEventListener("close", end);
    socket.addEventListener("error", end);
  });
  try {
    await Promise.race([aborted(signal), lost]);
  } finally {
    socket.close();
  }
}
