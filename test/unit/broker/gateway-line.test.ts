import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import type { MessageView } from "../../../broker/admission.ts";
import { GatewayLine } from "../../../broker/gateway-line.ts";

const LEAD = { topic: "v1/gateway/telemetry", origin: null, isAside: false };

function messageOf(packetId: number, bytes = 1): MessageView {
  const source = Buffer.alloc(bytes);
  return { qos: 1, dup: false, retain: false, packetId, source, payloadStart: 0, end: bytes };
}

const newLine = (): GatewayLine =>
  new GatewayLine({
    gateway: { partsOf: () => null, ask: () => Promise.resolve(null) },
    limits: { fieldGatewayEntriesMax: 10 },
    now: () => 0,
    onAnswer: () => undefined,
  });

describe("a gateway's line", () => {
  test("gives its messages in order, whatever comes between, and counts those and the bytes that wait", () => {
    const line = newLine();
    const expected: number[] = [];
    const given: (number | undefined)[] = [];
    let pushed = 0;
    for (let round = 1; round <= 40; round += 1) {
      for (let n = 0; n < (round * 7) % 11; n += 1) {
        line.push(LEAD, messageOf(++pushed, 3));
        expected.push(pushed);
      }
      for (let n = 0; n < (round * 5) % 10 && line.size > 0; n += 1) {
        given.push(line.first?.message.packetId);
        line.shift();
      }
      const waiting = expected.length - given.length;
      expect([line.size, line.bytes]).toEqual([waiting, waiting * 3]);
    }
    for (; line.size > 0; line.shift()) given.push(line.first?.message.packetId);
    expect(given).toEqual(expected);
    line.shift();
    expect([line.size, line.bytes, line.first]).toEqual([0, 0, undefined]);
  });

  test("lets go of what was passed on, although it is never empty", async () => {
    setFlagsFromString("--expose-gc");
    const collect: () => void = runInNewContext("gc");
    const line = newLine();
    const passed: WeakRef<Buffer>[] = [];
    line.push(LEAD, messageOf(0, 65_536));
    for (let n = 1; n <= 200; n += 1) {
      line.push(LEAD, messageOf(n, 65_536));
      passed.push(new WeakRef((line.first ?? expect.fail("a message waits")).message.source));
      line.shift();
    }
    // What a WeakRef was made of or asked for is held until the turn is over.
    await turn();
    collect();
    expect(passed.filter((payload) => payload.deref() !== undefined)).toEqual([]);
    expect(line.size).toBe(1);
  });
});
