import { setTimeout as delay } from "node:timers/promises";
import { MillraceError } from "../../core/errors.ts";
import { isCoordinatorAway, KAFKA_ERROR, kafkaErrorText } from "../../wire/kafka/kafka-errors.ts";
import { FIND_COORDINATOR } from "../../wire/kafka/offset-apis.ts";
import type { KafkaApi } from "../../wire/kafka/kafka-api.ts";
import type { KafkaCluster } from "./kafka-cluster.ts";

const ATTEMPTS = 20;
const WAIT_MS = 250;

/**
 * Asks the coordinator of a group. One that has just become it, or does not know yet, is asked again. `errorsOf` gives the answer's error
 * codes. LOG_LOST when none is found in time; other errors are the caller's to see in the answer.
 */
export async function callCoordinator<Q, A>(
  cluster: KafkaCluster,
  group: string,
  api: KafkaApi<Q, A>,
  request: Q,
  errorsOf: (answer: A) => readonly number[],
): Promise<A> {
  for (let attempt = 1; ; attempt++) {
    const coordinator = await cluster.callAny(FIND_COORDINATOR, group);
    let errorCode: number | undefined = coordinator.errorCode;
    if (errorCode === KAFKA_ERROR.none) {
      const answer = await cluster.link(coordinator.id, "control").call(api, request);
      errorCode = errorsOf(answer).find(isCoordinatorAway);
      if (errorCode === undefined) return answer;
    } else if (!isCoordinatorAway(errorCode)) {
      throw new MillraceError("LOG_IO", `the group ${group} may not be used: ${kafkaErrorText(errorCode)}`);
    }
    if (attempt === ATTEMPTS) {
      throw new MillraceError("LOG_LOST", `no broker coordinates the group ${group}: ${kafkaErrorText(errorCode)}`);
    }
    await delay(WAIT_MS);
  }
}
