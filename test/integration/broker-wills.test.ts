import { describe, expect, test } from "vitest";
import { MillraceError } from "../../core/errors.ts";
import { type BrokerHarness, eventually, startBroker, TOPIC_A } from "../support/broker-harness.ts";
import { rawConnect } from "../support/raw-mqtt.ts";

const FULL = new MillraceError("LOG_FULL", "full");
const SOON = { refusalHoldMs: 20 };

const failed = (edge: BrokerHarness): number => edge.gauge("millrace_mqtt_append_failed_total");
const waiting = (edge: BrokerHarness): number => edge.gauge("millrace_mqtt_wills_waiting");
const lost = (edge: BrokerHarness): number => edge.gauge("millrace_mqtt_wills_lost_total");
const payloads = (edge: BrokerHarness): readonly string[] =>
  edge.log.records.map(({ value }) => Buffer.from(value).toString());

/** A client that is connected with this will, and then lost. */
async function loseClient(edge: BrokerHarness, clientId: string, payload: string): Promise<void> {
  const connections = edge.broker.connections;
  const peer = await edge.rawConnected({ flags: 0xce, clientId, rest: [TOPIC_A, payload, "user", "token-a"] });
  peer.socket.destroy();
  await eventually(() => edge.broker.connections === connections, "the connection is over");
}

describe("a will that the log refuses for now", () => {
  test.each(["refuseWith", "failWith"] as const)("is published when the log takes messages again (%s)", async (how) => {
    await using edge = await startBroker({ limits: SOON });
    const { log } = edge;
    const take = log.take.bind(log);
    let takes = 0;
    log.take = (partition, record) => {
      takes += 1;
      return take(partition, record);
    };
    const witness = await edge.client("a", { clientId: "witness" });
    const received: string[] = [];
    witness.on("message", (_topic, payload) => received.push(payload.toString()));
    await witness.subscribeAsync("millrace/acme/a/#");
    log[how](FULL);
    for (const id of ["one", "two", "three"]) await loseClient(edge, id, `${id} is gone`);
    await eventually(() => takes > 8, "they are tried again and again");
    expect([waiting(edge), payloads(edge)]).toEqual([3, []]);
    log[how](null);
    await eventually(() => received.length === 3, "they are delivered");
    const all = ["one is gone", "two is gone", "three is gone"];
    expect([received, payloads(edge), waiting(edge), lost(edge)]).toEqual([all, all, 0, 0]);
  });

  test("is not published when its client has come back meanwhile", async () => {
    await using edge = await startBroker({ limits: SOON });
    edge.log.failWith(FULL);
    await loseClient(edge, "back", "back is gone");
    await loseClient(edge, "away", "away is gone");
    await eventually(() => waiting(edge) === 2, "both wait");
    await edge.rawConnected({ clientId: "back" });
    edge.log.failWith(null);
    await eventually(() => waiting(edge) === 0, "the other one is published");
    expect(payloads(edge)).toEqual(["away is gone"]);
  });

  test("is not published either when its client comes back before the log has answered", async () => {
    await using edge = await startBroker({ limits: SOON });
    edge.log.hold();
    await loseClient(edge, "back", "back is gone");
    await eventually(() => edge.log.waiting.length === 1, "the log has it");
    await edge.rawConnected({ clientId: "back" });
    edge.log.waiting[0]?.reject(FULL);
    await eventually(() => failed(edge) === 1, "the log has refused it");
    expect([waiting(edge), lost(edge)]).toEqual([0, 0]);
  });

  test("is not published when its device is revoked meanwhile", async () => {
    await using edge = await startBroker({ limits: SOON });
    edge.log.failWith(FULL);
    await loseClient(edge, "one", "gone");
    await eventually(() => waiting(edge) === 1, "it waits");
    edge.broker.disconnect(["acme/b"]);
    expect(waiting(edge)).toBe(1);
    edge.broker.disconnect(["acme/a"]);
    expect(waiting(edge)).toBe(0);
  });

  test.each([{ willsWaitingMax: 2 }, { willsWaitingBytesMax: 25 }])(
    "is lost, and counted, when too many wait: %o",
    async (limits) => {
      await using edge = await startBroker({ limits: { ...SOON, ...limits } });
      edge.log.failWith(FULL);
      for (const id of ["a", "b", "c"]) await loseClient(edge, id, `${id} is gone.`);
      await eventually(() => lost(edge) === 1, "the third is lost");
      await loseClient(edge, "b", "b is gone!");
      await eventually(() => waiting(edge) + lost(edge) === 3, "of one client only the last one waits");
      edge.log.failWith(null);
      await eventually(() => waiting(edge) === 0, "the others are published");
      expect([payloads(edge), lost(edge)]).toEqual([["a is gone.", "b is gone!"], 1]);
    },
  );

  test("is lost when the broker stops first, and no timer goes on", async () => {
    await using edge = await startBroker({ limits: SOON });
    edge.log.failWith(FULL);
    await loseClient(edge, "one", "gone");
    await eventually(() => waiting(edge) === 1, "it waits");
    await edge.broker.stop(AbortSignal.timeout(500));
    expect([waiting(edge), lost(edge)]).toEqual([0, 1]);
  });
});

test("a will that the log never takes is not tried again", async () => {
  await using edge = await startBroker({ limits: SOON });
  edge.log.failWith(new MillraceError("BATCH_TOO_LARGE", "too large"));
  const peer = await edge.raw();
  peer.send(rawConnect({ flags: 0xce, rest: [TOPIC_A, "gone", "user", "token-a"] }));
  await peer.receive((hex) => hex.length >= 8);
  peer.socket.destroy();
  await eventually(() => lost(edge) === 1, "it is lost");
  expect([waiting(edge), failed(edge)]).toEqual([0, 1]);
});
