import { setTimeout as delay } from "node:timers/promises";
import { isMillraceError, MillraceError } from "../../core/errors.ts";
import { isCoordinatorAway, KAFKA_ERROR, kafkaErrorText } from "../../wire/kafka/kafka-errors.ts";
import { FIND_COORDINATOR, type Coordinator } from "../../wire/kafka/offset-apis.ts";
import type { KafkaApi } from "../../wire/kafka/kafka-api.ts";
import type { KafkaCluster } from "./kafka-cluster.ts";

const ATTEMPTS = 20;
const WAIT_MS = 250;

/**
 * Asks the coordinator of a group, which is looked up once and again when it has moved. One that has just become it, or does not know yet,
 * is asked again. `errorsOf` gives the answer's error codes. LOG_LOST when none is found in time; other errors are the caller's to see in
 * the answer.
 */
export async function callCoordinator<Q, A>(
  cluster: KafkaCluster,
  group: string,
  api: KafkaApi<Q, A>,
  request: Q,
  errorsOf: (answer: A) => readonly number[],
): Promise<A> {
  const { coordinators } = cluster;
  for (let attempt = 1; ; attempt++) {
    const known = coordinators.get(group);
    const { errorCode, id } = known === undefined ? await cluster.callAny(FIND_COORDINATOR, group) : found(known);
    if (errorCode !== KAFKA_ERROR.none && !isCoordinatorAway(errorCode)) {
      throw new MillraceError("LOG_IO", `the group ${group} may not be used: ${kafkaErrorText(errorCode)}`);
    }
    let away: number | undefined = errorCode;
    if (errorCode === KAFKA_ERROR.none) {
      try {
        // One that has come back since the brokers were last asked for is not among them.
        if (!cluster.metadata.brokers.some((broker) => broker.id === id)) await cluster.refresh();
        const answer = await cluster.link(id, "control").call(api, request);
        away = errorsOf(answer).find(isCoordinatorAway);
        if (away === undefined) {
          coordinators.set(group, id);
          return answer;
        }
        coordinators.delete(group);
      } catch (error) {
        coordinators.delete(group);
        // It could not even be asked. By now somebody else may be it.
        if (known !== undefined && isMillraceError(error, "LOG_LOST")) continue;
        throw error;
      }
    }
    if (attempt === ATTEMPTS) {
      throw new MillraceError("LOG_LOST", `no broker coordinates the group ${group}: ${kafkaErrorText(away)}`);
    }
    if (known === undefined) await delay(WAIT_MS);
  }
}

function found(id: number): Pick<Coordinator, "errorCode" | "id"> {
  return { errorCode: KAFKA_ERROR.none, id };
}
