import { connect } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { CONNACK_ACCEPTED, rawConnect } from "./raw-mqtt.ts";

/**
 * A thread of its own, so that the crowd does not take the time of whoever measures: opens `count` sockets to 127.0.0.1 at once, each of a device of
 * its own with the token `token-NUMBER`. Says how many were accepted, as soon as all were answered or closed.
 */
export interface ConnectCrowd {
  readonly port: number;
  readonly count: number;
}

function run({ port, count }: ConnectCrowd): void {
  let accepted = 0;
  let left = count;
  for (let i = 0; i < count; i++) {
    const socket = connect(
      { port, host: "127.0.0.1" },
      () => void socket.write(rawConnect({ rest: ["user", `token-${i}`] })),
    );
    let done = false;
    const finish = (): void => {
      if (done) return;
      done = true;
      if (--left === 0) parentPort?.postMessage(accepted);
    };
    socket.once("data", (bytes) => {
      if (bytes.toString("hex") === CONNACK_ACCEPTED) accepted += 1;
      finish();
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", finish);
  }
}

if (parentPort !== null) run(workerData);
