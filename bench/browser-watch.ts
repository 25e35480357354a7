import { WebSocket } from "ws";
import { LIVE_PATH } from "../dashboard/live-protocol.ts";
import type { ServerMessage } from "../dashboard/live-protocol.ts";

export interface BrowserWatch {
  /** From when a message was made to when its reading arrived here, ms. */
  readonly latencies: readonly number[];
  close(): void;
}

/** A browser's connection with one device's page open, which gets every reading of that device. */
export async function watchAsBrowser(
  httpUrl: string,
  headers: Readonly<Record<string, string>>,
  device: string,
  /** Says when the message was made. */
  metric = "madeAt",
): Promise<BrowserWatch> {
  const socket = new WebSocket(`${httpUrl.replace("http", "ws")}${LIVE_PATH}`, { headers });
  const latencies: number[] = [];
  // What the hub remembers of earlier messages comes too: that is the page's history, and no delay.
  const since = performance.timeOrigin + performance.now();
  await new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("open", () => {
      socket.send(JSON.stringify({ type: "watch", id: 1, overview: true, alarms: true, devices: [device], device }));
    });
    socket.on("message", (bytes: Buffer) => {
      const now = performance.timeOrigin + performance.now();
      const message: ServerMessage = JSON.parse(bytes.toString());
      if (message.type === "watching") resolve();
      if (message.type !== "readings") return;
      for (const [, , { [metric]: madeAt }] of message.readings) {
        if (typeof madeAt === "number" && madeAt >= since) latencies.push(now - madeAt);
      }
    });
  });
  return { latencies, close: () => socket.terminate() };
}
