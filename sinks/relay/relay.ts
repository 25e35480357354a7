import { backOffMs } from "../../core/back-off.ts";
import { aborted, untilAborted } from "../../core/aborted.ts";
import { errorText, isMillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { pause } from "../../core/pause.ts";
import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { OwnedPartition, OwnedPartitionListener } from "../../core/topic-consumer.ts";
import { createEnvelopeSender } from "../forward/send-envelope.ts";
import type { UpstreamLink } from "../forward/upstream-link.ts";
import type { BadRecords } from "./bad-records.ts";
import { createRelayMeters } from "./relay-meters.ts";
import { relayPartition } from "./relay-partition.ts";

export interface RelayOptions {
  /** A connection of its own for each partition: the upstream lets the one go that the last owner of the partition had. */
  readonly link: (partition: number) => UpstreamLink;
  readonly bad: BadRecords;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly random?: () => number;
}

const RECOVER_MS = 1000;
/** How long an envelope that is under way is waited for when its partition is given up. */
const GIVE_UP_MS = 3000;

interface Work {
  stop(): Promise<void>;
}

/** Topic of a Kafka → installation upstream, partition by partition, each by itself. */
export function createRelay(options: RelayOptions): OwnedPartitionListener {
  const works = new Map<number, Work>();
  return {
    take(owned) {
      works.set(owned.partition, begun(owned, options));
    },
    async release(partition) {
      const work = works.get(partition);
      works.delete(partition);
      await work?.stop();
    },
  };
}

function begun(owned: OwnedPartition, options: RelayOptions): Work {
  const { clock, logger, metrics, bad } = options;
  const { partition } = owned;
  const [ending, leaving] = [new AbortController(), new AbortController()];
  const signals = { ending: ending.signal, leaving: leaving.signal };
  const link = options.link(partition);
  const meters = createRelayMeters(metrics);
  const sender = createEnvelopeSender({
    ...options,
    link,
    clock,
    metrics,
    onFault: (fault, transition, text) => logger.warn({ partition, fault, transition }, text),
    waiting: () => null,
    nothing: `Nothing of partition ${partition} is relayed`,
  });

  async function run(): Promise<void> {
    for (let failures = 0; !ending.signal.aborted; failures += 1) {
      const begunAt = performance.now();
      try {
        await relayPartition({ owned, sender, bad, meters, logger }, signals);
      } catch (error) {
        if (!isMillraceError(error)) throw error;
        // It will be taken away as soon as the group tells this member.
        if (error.code === "JOURNAL_FENCED") return aborted(ending.signal);
        if (performance.now() - begunAt > LIMITS.forwardRetryDelayMsMax) failures = 0;
        logger.warn({ partition, code: error.code }, `Partition ${partition} is begun again: ${errorText(error)}`);
        await pause(backOffMs(RECOVER_MS, LIMITS.forwardRetryDelayMsMax, failures), ending.signal);
      }
    }
  }

  const running = run();
  return {
    async stop() {
      ending.abort();
      await untilAborted(running, AbortSignal.timeout(GIVE_UP_MS));
      leaving.abort();
      await running;
      await link.close();
    },
  };
}
