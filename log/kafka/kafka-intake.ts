import { checkedPackedBytes } from "../append-limits.ts";
import type { LogIntake } from "../../core/event-log.ts";
import type { LogTopology } from "../topology.ts";
import type { KafkaAccess } from "./kafka-access.ts";
import type { LogGauge } from "./log-gauge.ts";
import type { TopicNames } from "./topic-names.ts";

interface KafkaIntakeParts {
  readonly access: KafkaAccess;
  readonly names: TopicNames;
  readonly topology: LogTopology;
  readonly gauge: LogGauge;
}

/** `look`, called once in a turn of the event loop, sees to it that what others append is soon known to the gauge. */
export function createKafkaIntake(parts: KafkaIntakeParts, topic: string, look: () => void): LogIntake {
  const { access, names, topology, gauge } = parts;
  const kafkaTopic = names.topic(topic);
  const { clock } = access.producer;
  let lookedAt = Number.NEGATIVE_INFINITY;
  return {
    take(partition, record) {
      topology.indexOf(topic, partition);
      const bytesBound = checkedPackedBytes(record);
      const now = clock.now();
      if (now !== lookedAt) look();
      lookedAt = now;
      gauge.check();
      return access.producer.take(kafkaTopic, partition, record, bytesBound);
    },
  };
}
