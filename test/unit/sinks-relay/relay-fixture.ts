import { setTimeout as delay } from "node:timers/promises";
import { pause } from "../../../core/pause.ts";
import { MillraceError } from "../../../core/errors.ts";
import { formatForwardedOrigin } from "../../../core/forwarded-origin.ts";
import { LIMITS } from "../../../core/limits.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { HEADER, type LogRecord } from "../../../core/record.ts";
import { createRelay, type RelayOptions } from "../../../sinks/relay/relay.ts";
import { decodeForwardBatch } from "../../../wire/forward-batch.ts";
import { logRecord } from "../../support/log-records.ts";
import type { FetchedSlice, LogReader } from "../../../core/event-log.ts";
import type { OwnedPartition } from "../../../core/topic-consumer.ts";

/** A message as an edge has put it into the topic. */
export function relayed(offset: number, device: string, value: string | Uint8Array): LogRecord {
  const origin = formatForwardedOrigin({ installation: "ab", generation: 1, partition: 0, offset, received: 1000 });
  return logRecord({ offset, timestamp: 5, key: `t/${device}`, value, headers: [[HEADER.forwarded, origin]] });
}

/** What some other program has put there. */
export const foreign = (offset: number): LogRecord => logRecord({ offset, timestamp: 5, key: "k", value: "hello" });

/** One partition of a topic in memory, and a group that has a position in it. */
export function fakePartition(partition: number) {
  const state = {
    records: [] as LogRecord[],
    start: 0,
    committed: null as number | null,
    /** Thrown by what is asked of Kafka next, as long as it is not null. */
    failure: null as MillraceError | null,
    corruptAt: null as number | null,
    commits: [] as number[],
    readers: 0,
  };
  const check = (): void => {
    if (state.failure !== null) throw state.failure;
  };
  const end = (): number => (state.records.at(-1)?.offset ?? state.start - 1) + 1;
  const openReader = (from: number): LogReader => {
    let at = from;
    state.readers += 1;
    const slices = (): readonly FetchedSlice[] => {
      check();
      if (at < state.start) throw new MillraceError("OFFSET_OUT_OF_RANGE", "it is gone");
      if (at === state.corruptAt) {
        at += 1;
        const corrupt = { fromOffset: at - 1, toOffset: at };
        return [{ topic: "t", partition, records: [], nextOffset: at, corrupt }];
      }
      const until = state.corruptAt !== null && state.corruptAt > at ? state.corruptAt : end();
      const records = state.records.filter(({ offset }) => offset >= at && offset < until);
      if (records.length === 0) return [];
      at = until;
      return [{ topic: "t", partition, records, nextOffset: at }];
    };
    return {
      async poll({ signal }) {
        const found = slices();
        if (found.length === 0) await pause(2, signal ?? new AbortController().signal);
        return found;
      },
      seek: () => undefined,
      close: () => void (state.readers -= 1),
    };
  };
  const owned: OwnedPartition = {
    partition,
    openReader,
    async position() {
      check();
      return { committed: state.committed, startOffset: state.start, endOffset: end() };
    },
    async commit(nextOffset) {
      await delay(1);
      check();
      state.commits.push(nextOffset);
      state.committed = nextOffset;
    },
  };
  return { owned, state };
}

/** A relay, and an upstream that does as it is told. `told`: what it took, `device value`, in order. */
export function relayFixture(bad: RelayOptions["bad"]) {
  const metrics = createMetrics();
  const said: string[] = [];
  const log = (fields: object, text: string): void => void said.push(`${JSON.stringify(fields)} ${text}`);
  const upstream = {
    failure: null as string | null,
    failsOnly: null as number | null,
    isSilent: false,
    sends: 0,
    closed: 0,
    mostUnderWay: 0,
  };
  const told: string[] = [];
  const relay = createRelay({
    link(partition) {
      let underWay = 0;
      return {
        async send(envelope, signal) {
          upstream.sends += 1;
          underWay += 1;
          upstream.mostUnderWay = Math.max(upstream.mostUnderWay, underWay);
          try {
            await delay(1);
            while (upstream.isSilent && !signal.aborted) await delay(2);
            if (signal.aborted) throw new MillraceError("SINK_UNAVAILABLE", "it was left");
            const fails = upstream.failsOnly === null || upstream.failsOnly === partition;
            if (upstream.failure !== null && fails) throw new MillraceError("SINK_UNAVAILABLE", upstream.failure);
            const messages = decodeForwardBatch(envelope);
            told.push(...messages.map(({ device, payload }) => `${partition}:${device} ${payload.toString()}`));
          } finally {
            underWay -= 1;
          }
        },
        async close() {
          upstream.closed += 1;
        },
      };
    },
    bad,
    clock: { now: () => Date.now() },
    logger: { debug: log, info: log, warn: log, error: log },
    metrics,
    random: () => 0,
    limits: { ...LIMITS, sinkFailuresMax: 2, forwardRetryDelayMsMax: 20 },
  });
  return {
    relay,
    upstream,
    told,
    said,
    figure: (name: string) => metrics.snapshot().find((sample) => sample.name === name)?.value ?? 0,
    breakers: () =>
      Object.fromEntries(
        metrics
          .snapshot()
          .filter(({ name }) => name === "millrace_sink_breaker_state")
          .map(({ labels, value }) => [labels["destination"], value]),
      ),
  };
}
