import { afterEach, describe, expect, it } from "vitest";
import { compareReadings, readingSequences } from "../forward-cuts/compare-readings.ts";
import { runEdgeLoad } from "../forward-cuts/edge-load.ts";
import type { Overview } from "../../core/overview.ts";
import { startPair, type ForwardPair, type PairOptions } from "../forward-cuts/forward-pair.ts";
import { caughtUp, forwardFigure, isForwarded, unreadyReasons } from "../forward-cuts/forward-progress.ts";

const DEVICES = 20;
const WAIT = { timeout: 60_000, interval: 100 };

describe("telemetry that an edge installation forwards", { timeout: 240_000 }, () => {
  let pair: ForwardPair | null = null;
  afterEach(async () => {
    await pair?.dispose();
    pair = null;
  });

  const start = async (options?: PairOptions): Promise<ForwardPair> => (pair = await startPair(options));
  const load = ({ edge, boxToken }: ForwardPair, messagesPerDevice: number) =>
    runEdgeLoad({ ...edge, boxToken, devices: DEVICES, messagesPerDevice, paceMs: 60 });
  const restart = async (side: ForwardPair["edge"]): Promise<void> => {
    await side.kill();
    await side.start();
  };
  const cutLink = async ({ edge, link }: ForwardPair): Promise<void> => {
    link.cut("silent");
    const taken = () => forwardFigure(edge, "millrace_mqtt_admitted_total");
    const before = await taken();
    await expect.poll(taken, WAIT).toBeGreaterThan(before + 20);
    link.mend();
  };
  const killBoth = async ({ edge, cloud, link }: ForwardPair): Promise<void> => {
    await Promise.all([restart(edge), restart(cloud)]);
    link.mend();
  };
  const difference = async ({ edge, cloud }: ForwardPair) => {
    await Promise.all([edge.stop(), cloud.stop()]);
    return compareReadings(await readingSequences(edge.data, 32), await readingSequences(cloud.data, 8));
  };

  it("is the same upstream, each reading once and in order, through a cut link and kill -9 of both", async () => {
    const running = await start();
    const { edge, cloud, link } = running;
    const loaded = runEdgeLoad({
      ...edge,
      boxToken: running.boxToken,
      devices: DEVICES,
      messagesPerDevice: 25,
      paceMs: 400,
    });
    // An envelope arrives upstream, and nobody hears of it: it comes again, from the same edge after a cut, then from one that was killed.
    for (const breakOff of [() => cutLink(running), () => killBoth(running)]) {
      const forwarded = () => forwardFigure(edge, "millrace_forward_messages_total");
      const had = await forwarded();
      await expect.poll(forwarded, WAIT).toBeGreaterThan(had + 10);
      const before = link.bytesUp;
      link.mute();
      await expect.poll(() => link.bytesUp, WAIT).toBeGreaterThan(before + 200);
      await breakOff();
    }
    await restart(edge);
    const sent = await loaded;
    expect([...sent.values()]).toEqual(Array.from({ length: DEVICES }, () => 25));
    await caughtUp(running, 60_000);
    const overview = await cloud.api.get<Overview>("/overview");
    expect(overview.ledger.messages.duplicate).toBeGreaterThan(0);
    expect(await difference(running)).toEqual({ readings: 500, lost: 0, duplicated: 0, disordered: 0 });
  });

  it("waits where the token is not honoured, says so, and goes on with another one", async () => {
    const running = await start({ token: "mr_wrong_token_of_nobody" });
    const { edge } = running;
    await load(running, 2);
    const text = /does not honour the token: give MILLRACE_FORWARD_TOKEN that of a gateway/;
    await expect.poll(() => unreadyReasons(edge), WAIT).toEqual([expect.stringMatching(text)]);
    expect(await forwardFigure(edge, 'millrace_sink_breaker_state{destination="upstream",sink="forward"}')).not.toBe(0);
    await expect.poll(() => forwardFigure(edge, "millrace_forward_waiting_records"), WAIT).toBeGreaterThanOrEqual(40);
    expect(await forwardFigure(edge, "millrace_forward_oldest_waiting_seconds")).toBeGreaterThan(0);
    expect(await forwardFigure(edge, "millrace_forward_messages_total")).toBe(0);
    await edge.stop();
    await running.giveToken();
    await edge.start();
    await caughtUp(running, 60_000);
    await expect.poll(() => unreadyReasons(edge), WAIT).toEqual([]);
    expect(await difference(running)).toMatchObject({ readings: 40, lost: 0, duplicated: 0, disordered: 0 });
  });

  it("keeps the time at which the edge received it, however long the link is away", async () => {
    const running = await start();
    const { edge, link } = running;
    link.cut("refused");
    await load(running, 3);
    const before = Date.now();
    await expect.poll(() => unreadyReasons(edge), WAIT).toEqual([expect.stringMatching(/Nothing is forwarded: mqtt:/)]);
    link.mend();
    await caughtUp(running, 90_000);
    const { cloud } = running;
    await Promise.all([edge.stop(), cloud.stop()]);
    const readings = [...(await readingSequences(cloud.data, 8)).values()].flat();
    const times = readings.map((reading) => Number(JSON.parse(reading)[0]));
    expect(times).toHaveLength(DEVICES * 3);
    expect(Math.max(...times)).toBeLessThanOrEqual(before);
  });
});

describe("an edge whose log is full while the link is away", { timeout: 300_000 }, () => {
  const CEILING = 64 * 1024 * 1024;
  const environment = (whenFull: string) => ({
    MILLRACE_LOG_BYTES_MAX: String(CEILING),
    MILLRACE_FORWARD_WHEN_FULL: whenFull,
  });
  const TEXT = "a".repeat(4000);
  const LARGE = JSON.stringify(Object.fromEntries(Array.from({ length: 24 }, (_, n) => [`text${n}`, TEXT])));

  /** Fills the log; resolves with how many messages were acknowledged, at the first refusal or after `most`. */
  async function fill({ edge, boxToken }: ForwardPair, most: number): Promise<{ taken: number; status: number }> {
    for (let taken = 0; taken < most; taken += 1) {
      const response = await fetch(`http://127.0.0.1:${edge.ingestPort}/v1/telemetry?device=device-${taken % 5}`, {
        method: "POST",
        headers: { authorization: `Bearer ${boxToken}`, "content-type": "application/json" },
        body: LARGE,
      });
      if (!response.ok) return { taken, status: response.status };
    }
    return { taken: most, status: 204 };
  }

  /** The last envelope is acknowledged a moment before its messages are worked. */
  async function processedUpstream({ cloud }: ForwardPair): Promise<number> {
    return (await cloud.api.get<Overview>("/overview")).ledger.messages.processed;
  }

  it("hold: acknowledges no more than it can keep, and loses nothing of it", async () => {
    const pair = await startPair({ edgeEnvironment: environment("hold") });
    try {
      pair.link.cut("refused");
      const { taken, status } = await fill(pair, 2000);
      expect(status).toBe(503);
      expect(taken).toBeGreaterThan(100);
      await expect.poll(() => unreadyReasons(pair.edge), WAIT).toContainEqual(expect.stringMatching(/the log is full/));
      pair.link.mend();
      await caughtUp(pair, 120_000);
      await expect.poll(() => processedUpstream(pair), WAIT).toBe(taken);
      expect(await forwardFigure(pair.edge, "millrace_forward_dropped_total")).toBe(0);
    } finally {
      await pair.dispose();
    }
  });

  it("drop-oldest: goes on acknowledging, and counts and says what it drops unforwarded", async () => {
    const pair = await startPair({ edgeEnvironment: environment("drop-oldest") });
    try {
      pair.link.cut("refused");
      const { taken, status } = await fill(pair, 900);
      expect(status).toBe(204);
      await expect.poll(() => forwardFigure(pair.edge, "millrace_forward_dropped_total"), WAIT).toBeGreaterThan(0);
      pair.link.mend();
      await caughtUp(pair, 120_000);
      const dropped = await forwardFigure(pair.edge, "millrace_forward_dropped_total");
      await expect.poll(() => processedUpstream(pair), WAIT).toBe(taken - dropped);
      expect(await isForwarded(pair.edge)).toBe(true);
      expect(pair.edge.instance?.stderr()).toMatch(/Retention deleted \d+ messages that were not forwarded yet/);
    } finally {
      await pair.dispose();
    }
  });
});
