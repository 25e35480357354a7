import type { Clock } from "../../core/clock.ts";
import type { Limits } from "../../core/limits.ts";
import type { Readiness } from "../../core/lifecycle.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { OwnedPartitionListener } from "../../core/topic-consumer.ts";
import type { UpstreamLink } from "../forward/upstream-link.ts";
import type { BadRecords } from "./bad-records.ts";
import { PartitionWork } from "./partition-work.ts";
import type { RelayLimits } from "./plan-relay.ts";
import { createRelayMeters } from "./relay-meters.ts";

export interface RelayOptions {
  /** A connection of its own for each partition: the upstream lets the one go that the last owner of the partition had. */
  readonly link: (partition: number) => UpstreamLink;
  readonly bad: BadRecords;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly random?: () => number;
  readonly limits?: RelayLimits & Pick<Limits, "forwardFetchBytesMax" | "sinkFailuresMax" | "forwardRetryDelayMsMax">;
}

/** Topic of a Kafka → installation upstream, partition by partition, each by itself. */
export function createRelay(options: RelayOptions): OwnedPartitionListener & Readiness {
  const works = new Map<number, PartitionWork>();
  const meters = createRelayMeters(options.metrics);
  return {
    take(owned) {
      const work = new PartitionWork(owned, { ...options, meters });
      works.set(owned.partition, work);
      work.start();
    },
    async release(partition) {
      const work = works.get(partition);
      works.delete(partition);
      await work?.stop();
    },
    notReadyReasons: () => [...works.values()].flatMap((work) => work.notReadyReasons()),
  };
}
