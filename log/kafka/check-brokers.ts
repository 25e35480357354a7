import { errorText, MillraceError } from "../../core/errors.ts";
import { API_VERSIONS, INIT_PRODUCER_ID } from "../../wire/kafka/connection-apis.ts";
import { KAFKA_ERROR, kafkaErrorText } from "../../wire/kafka/kafka-errors.ts";
import { FETCH } from "../../wire/kafka/fetch.ts";
import { GROUP_DESCRIBE } from "../../wire/kafka/group-describe.ts";
import { GROUP_HEARTBEAT } from "../../wire/kafka/group-heartbeat.ts";
import { LIST_OFFSETS } from "../../wire/kafka/list-offsets.ts";
import { METADATA } from "../../wire/kafka/metadata.ts";
import { FIND_COORDINATOR, OFFSET_COMMIT, OFFSET_FETCH } from "../../wire/kafka/offset-apis.ts";
import { PRODUCE } from "../../wire/kafka/produce.ts";
import { CREATE_TOPICS, DELETE_RECORDS } from "../../wire/kafka/topic-apis.ts";
import { isLost } from "./kafka-broker.ts";
import type { KafkaApi } from "../../wire/kafka/kafka-api.ts";
import type { KafkaCluster } from "./kafka-cluster.ts";

/** A request that is made, in the one version of it. */
export type SpokenApi = Pick<KafkaApi<never, unknown>, "name" | "key" | "version">;

const SPOKEN: readonly SpokenApi[] = [
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
  GROUP_HEARTBEAT,
  GROUP_DESCRIBE,
];

/**
 * The first that is asked of the brokers. CONFIG_INVALID when one does not take a request that is made here, or refuses the
 * credentials. LOG_LOST when none answers.
 */
export async function checkBrokers(cluster: KafkaCluster, spoken: readonly SpokenApi[] = SPOKEN): Promise<void> {
  const { errorCode, apis } = await answered(cluster.callAny(API_VERSIONS, null));
  if (errorCode !== KAFKA_ERROR.none) {
    throw new MillraceError(
      "CONFIG_INVALID",
      `the Kafka brokers refuse the credentials: ${kafkaErrorText(errorCode)}`,
      {
        remedy: "Check MILLRACE_KAFKA_SASL, and the user and the password, or the token, against the brokers'.",
      },
    );
  }
  for (const { name, key, version } of spoken) {
    const api = apis.find((one) => one.key === key);
    if (api !== undefined && api.min <= version && version <= api.max) continue;
    const has = api === undefined ? "not at all" : `in versions ${api.min} to ${api.max}`;
    throw new MillraceError(
      "CONFIG_INVALID",
      `the Kafka brokers take ${name} ${has}, but version ${version} is needed`,
      {
        remedy: "Use Apache Kafka 4.0 to 4.3.",
      },
    );
  }
  // The versions are told to everybody, this only to who has signed in: others' connections are ended without a word.
  await answered(cluster.refresh());
}

async function answered<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!isLost(error)) throw error;
    throw new MillraceError("LOG_LOST", errorText(error), {
      cause: error,
      remedy:
        "Check MILLRACE_KAFKA_BROKERS, whether the brokers run, and whether they want MILLRACE_KAFKA_TLS or MILLRACE_KAFKA_SASL.",
    });
  }
}
