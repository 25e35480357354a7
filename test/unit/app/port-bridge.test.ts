import { MessageChannel, type MessagePort } from "node:worker_threads";
import { expect, it } from "vitest";
import { PortBridge, type CarriedMessage } from "../../../app/processes/port-bridge.ts";
import { serveThread, callThread } from "../../../app/thread-rpc.ts";
import { silentLogger } from "../../../core/logger.ts";

/** Two bridges over a channel that copies what it carries. */
function bridges() {
  const ends: PortBridge[] = [];
  const channelTo = (other: number) => ({
    connected: true,
    send: (message: unknown) => {
      const carried = structuredClone(message) as CarriedMessage;
      setImmediate(() => ends[other]?.receive(carried));
      return true;
    },
  });
  ends.push(new PortBridge(channelTo(1)), new PortBridge(channelTo(0)));
  const [here, there] = ends;
  if (here === undefined || there === undefined) throw new Error("two were made");
  return { here, there };
}

/** The end of a channel whose other end the bridge carries. */
function carried(bridge: PortBridge, number: number): MessagePort {
  const { port1, port2 } = new MessageChannel();
  bridge.carry(number, port1);
  return port2;
}

type Api = { double(bytes: Uint8Array): Promise<Uint8Array> };
const api: Api = { double: async (bytes) => bytes.map((byte) => 2 * byte) };

it("carries calls and their answers from port to port, each over its own number", async () => {
  const { here, there } = bridges();
  for (const number of [0, 1]) serveThread(carried(there, number), api, silentLogger);
  const [first, second] = [0, 1].map((number) => callThread<Api>(carried(here, number), `p${number}`));
  expect(await first?.("double", Uint8Array.of(1, 2))).toEqual(Uint8Array.of(2, 4));
  expect(await second?.("double", Uint8Array.of(3))).toEqual(Uint8Array.of(6));
  here.close();
  there.close();
});

it("closes a port when it is closed at the other end, and all when the other process has ended", async () => {
  const { here, there } = bridges();
  const call = callThread<Api>(carried(here, 0), "one");
  const other = callThread<Api>(carried(here, 1), "two");
  const served = carried(there, 0);
  serveThread(served, api, silentLogger);
  await call("double", Uint8Array.of(1));
  served.close();
  await expect
    .poll(() => call("double", Uint8Array.of(1)).catch((error: Error) => error.message))
    .toContain("has ended");
  const waiting = other("double", Uint8Array.of(1));
  here.close();
  await expect(waiting).rejects.toMatchObject({ code: "THREAD_ENDED" });
});
