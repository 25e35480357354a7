/** Error codes of Kafka's protocol that are told apart here (protocol guide, "Error Codes"). */
export const KAFKA_ERROR = {
  none: 0,
  offsetOutOfRange: 1,
  corruptMessage: 2,
  unknownTopicOrPartition: 3,
  notLeaderOrFollower: 6,
  messageTooLarge: 10,
  coordinatorLoading: 14,
  coordinatorNotAvailable: 15,
  notCoordinator: 16,
  recordListTooLarge: 18,
  notEnoughReplicas: 19,
  notEnoughReplicasAfterAppend: 20,
  topicAuthorizationFailed: 29,
  groupAuthorizationFailed: 30,
  clusterAuthorizationFailed: 31,
  invalidTimestamp: 32,
  illegalSaslState: 34,
  topicAlreadyExists: 36,
  policyViolation: 44,
  outOfOrderSequence: 45,
  duplicateSequence: 46,
  invalidProducerEpoch: 47,
  unknownProducerId: 59,
  groupIdNotFound: 69,
  invalidRecord: 87,
  unknownMemberId: 25,
  fencedMemberEpoch: 110,
  staleMemberEpoch: 113,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(KAFKA_ERROR).map(([name, code]) => [
    code,
    name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(),
  ]),
);

/** What the code is called in Kafka's documentation, where it is known here, and its number. */
export function kafkaErrorText(code: number): string {
  const name = NAMES.get(code);
  return name === undefined ? `Kafka error ${code}` : `${name} (Kafka error ${code})`;
}

const FOR_GOOD: ReadonlySet<number> = new Set([
  KAFKA_ERROR.messageTooLarge,
  KAFKA_ERROR.recordListTooLarge,
  KAFKA_ERROR.topicAuthorizationFailed,
  KAFKA_ERROR.clusterAuthorizationFailed,
  KAFKA_ERROR.policyViolation,
  KAFKA_ERROR.invalidRecord,
]);

/** True when the same batch will be refused again, so that it must not hold up what comes behind it. */
export function isRefusedForGood(code: number): boolean {
  return FOR_GOOD.has(code);
}

const COORDINATOR_AWAY: ReadonlySet<number> = new Set([
  KAFKA_ERROR.coordinatorLoading,
  KAFKA_ERROR.coordinatorNotAvailable,
  KAFKA_ERROR.notCoordinator,
]);

/** True when the group is moving to another broker, or being loaded. */
export function isCoordinatorAway(code: number): boolean {
  return COORDINATOR_AWAY.has(code);
}

const SEQUENCE_LOST: ReadonlySet<number> = new Set([
  KAFKA_ERROR.outOfOrderSequence,
  KAFKA_ERROR.invalidProducerEpoch,
  KAFKA_ERROR.unknownProducerId,
]);

/** True when the broker does not know the producer's sequence any more: it goes on under a new producer id (KIP-98, KIP-360). */
export function isSequenceLost(code: number): boolean {
  return SEQUENCE_LOST.has(code);
}
