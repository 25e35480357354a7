import { setTimeout as delay } from "node:timers/promises";
import { endBroker, startAgain } from "../../deploy/kafka/kafka-cluster.ts";
import { compareReadings, type ForwardDifference, readingSequences } from "./compare-readings.ts";
import { runEdgeLoad } from "./edge-load.ts";
import type { Overview } from "../../core/overview.ts";
import { startPair, type ForwardPair } from "./forward-pair.ts";
import { caughtUp, forwardFigure } from "./forward-progress.ts";
import { RELAY_GROUP, startKafkaPair, type KafkaPair } from "./kafka-pair.ts";

export interface ForwardCutsOptions {
  readonly cuts: number;
  /** How long each lasts; so long the link is there in between, at most 30 seconds. */
  readonly cutMs: number;
  readonly devices: number;
  /** Between two messages of a device. */
  readonly paceMs: number;
  /** Also kill -9 the edge during each cut, and the cloud before it; with `kafka` the relay and the broker too. */
  readonly kills: boolean;
  /** Through a topic and a relay, whose link to the cloud is the one that is cut. */
  readonly kafka: boolean;
  readonly say: (text: string) => void;
  readonly signal?: AbortSignal;
}

export interface ForwardCutsFigures extends ForwardDifference {
  /** Messages that the edge has acknowledged to devices. */
  readonly acknowledged: number;
  /** That the cloud had already, and dropped. */
  readonly repeated: number;
  /** The most that waited at the end of a cut, in records. */
  readonly waitedMost: number;
  /** From the last mending until all was upstream. */
  readonly caughtUpSeconds: number;
  /** That went up for each message, envelope and all. */
  readonly bytesPerMessage: number;
}

const BETWEEN_MS_MAX = 30_000;
const MUTE_MS = 1000;
const BROKER_AWAY_MS = 2000;
const CATCH_UP_MS = 600_000;

/** Cuts the link under load, again and again, and says what is lost or twice upstream in the end. */
export async function runForwardCuts(options: ForwardCutsOptions): Promise<ForwardCutsFigures> {
  const signalled = options.signal === undefined ? {} : { signal: options.signal };
  const course = options.kafka ? throughKafka(await startKafkaPair(signalled)) : directly(await startPair(signalled));
  try {
    return await cutAndCompare(course, options);
  } finally {
    await course.pair.dispose();
  }
}

/** What is different on the two ways upstream. */
interface Course {
  readonly pair: ForwardPair;
  /** Ends and begins again what lies on the way, while the link is cut. */
  killOnTheWay(): Promise<void>;
  /** Records that are not upstream; NaN when nobody can say. */
  waiting(): Promise<number>;
  caughtUp(): Promise<void>;
}

function directly(pair: ForwardPair): Course {
  return {
    pair,
    killOnTheWay: () => Promise.resolve(),
    waiting: () => forwardFigure(pair.edge, "millrace_forward_waiting_records"),
    caughtUp: () => caughtUp(pair, CATCH_UP_MS),
  };
}

function throughKafka(pair: KafkaPair): Course {
  const { relay, kafka, topic, edge } = pair;
  return {
    pair,
    async killOnTheWay() {
      await relay.kill();
      await endBroker(kafka.cluster, 1, "SIGKILL");
      await delay(BROKER_AWAY_MS);
      await startAgain(kafka.cluster, 1);
      await relay.start();
    },
    async waiting() {
      const atEdge = await forwardFigure(edge, "millrace_forward_waiting_records");
      return atEdge + (await topic.lag(RELAY_GROUP).catch(() => Number.NaN));
    },
    caughtUp: () => pair.caughtUp(CATCH_UP_MS),
  };
}

async function cutAndCompare(course: Course, options: ForwardCutsOptions): Promise<ForwardCutsFigures> {
  const { pair } = course;
  const { edge, cloud, link, boxToken } = pair;
  const { devices, paceMs, say } = options;
  const ending = new AbortController();
  const load = runEdgeLoad({
    ...edge,
    boxToken,
    devices,
    paceMs,
    messagesPerDevice: Number.POSITIVE_INFINITY,
    signal: ending.signal,
  });
  const waitedMost = await cutAgain(course, options);
  ending.abort();
  const sent = await load;
  const mendedAt = performance.now();
  await course.caughtUp();
  const caughtUpSeconds = Math.round(performance.now() - mendedAt) / 1000;
  const bytes = await forwardFigure(edge, "millrace_forward_bytes_total");
  const messages = await forwardFigure(edge, "millrace_forward_messages_total");
  const repeated = (await cloud.api.get<Overview>("/overview")).ledger.messages.duplicate;
  say(`all is upstream; ${link.bytesUp} bytes went up`);
  await Promise.all([edge.stop(), cloud.stop()]);
  const difference = compareReadings(await readingSequences(edge.data, 32), await readingSequences(cloud.data, 8));
  const acknowledged = [...sent.values()].reduce((sum, count) => sum + count, 0);
  return {
    ...difference,
    acknowledged,
    repeated,
    waitedMost,
    caughtUpSeconds,
    bytesPerMessage: Math.round(bytes / Math.max(1, messages)),
  };
}

/** Resolves with the most records that waited at the end of a cut. */
async function cutAgain(course: Course, options: ForwardCutsOptions): Promise<number> {
  const { edge, cloud, link } = course.pair;
  const { cuts, cutMs, kills, say } = options;
  let waitedMost = 0;
  for (let cut = 1; cut <= cuts; cut += 1) {
    await delay(Math.min(cutMs, BETWEEN_MS_MAX));
    // An envelope arrives that nobody hears of: it comes again.
    link.mute();
    await delay(MUTE_MS);
    if (kills) {
      await cloud.kill();
      await cloud.start();
    }
    link.cut(cut % 2 === 0 ? "silent" : "refused");
    await delay(cutMs / 2);
    if (kills) {
      await edge.kill();
      await course.killOnTheWay();
      await edge.start();
    }
    await delay(cutMs / 2);
    const waiting = await course.waiting();
    waitedMost = Math.max(waitedMost, Number.isNaN(waiting) ? 0 : waiting);
    link.mend();
    say(`cut ${cut} of ${cuts}: ${waiting} records waited`);
  }
  return waitedMost;
}

/** Names of the figures that are not as they must be. */
export function wrongOfCuts(figures: ForwardCutsFigures): string[] {
  const wrong: string[] = (["lost", "duplicated", "disordered"] as const).filter((name) => figures[name] !== 0);
  // Cuts during which nothing waited prove nothing, and what the edge acknowledged it has as a reading.
  if (figures.waitedMost === 0) wrong.push("nothingWaited");
  if (figures.repeated === 0) wrong.push("nothingRepeated");
  if (figures.readings < figures.acknowledged) wrong.push("acknowledged");
  return wrong;
}
