import { MillraceError } from "../../core/errors.ts";
import { API_VERSIONS, INIT_PRODUCER_ID } from "../../wire/kafka/connection-apis.ts";
import { FETCH } from "../../wire/kafka/fetch.ts";
import { LIST_OFFSETS } from "../../wire/kafka/list-offsets.ts";
import { METADATA } from "../../wire/kafka/metadata.ts";
import { FIND_COORDINATOR, OFFSET_COMMIT, OFFSET_FETCH } from "../../wire/kafka/offset-apis.ts";
import { PRODUCE } from "../../wire/kafka/produce.ts";
import { CREATE_TOPICS, DELETE_RECORDS } from "../../wire/kafka/topic-apis.ts";
import type { KafkaCluster } from "./kafka-cluster.ts";

const SPOKEN = [
  PRODUCE,
  FETCH,
  LIST_OFFSETS,
  METADATA,
  OFFSET_COMMIT,
  OFFSET_FETCH,
  FIND_COORDINATOR,
  INIT_PRODUCER_ID,
  CREATE_TOPICS,
  DELETE_RECORDS,
];

/** CONFIG_INVALID when a broker does not take one of the requests that are made here. LOG_LOST when none answers. */
export async function checkBrokers(cluster: KafkaCluster): Promise<void> {
  const { apis } = await cluster.callAny(API_VERSIONS, null);
  for (const { name, key, version } of SPOKEN) {
    const api = apis.find((one) => one.key === key);
    if (api !== undefined && api.min <= version && version <= api.max) continue;
    const has = api === undefined ? "not at all" : `in versions ${api.min} to ${api.max}`;
    throw new MillraceError(
      "CONFIG_INVALID",
      `the Kafka brokers take ${name} ${has}, but version ${version} is needed`,
      {
        remedy: "Use Apache Kafka 2.4 to 4.3.",
      },
    );
  }
}
