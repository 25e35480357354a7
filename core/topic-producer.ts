/** Appends to a topic of somebody's Kafka. One caller, one batch at a time. */
export interface TopicProducer {
  /**
   * Resolves when all in-sync replicas have the batch. The same one again after a failure lands once, as far as the brokers remember.
   * UNKNOWN_TOPIC and NOT_AUTHORIZED: the topic is not there, or not for this user. BATCH_TOO_LARGE and INVALID_INPUT: the topic does not take
   * the batch, for its size or its times. CONFIG_INVALID: the brokers refuse the credentials, or TLS. LOG_LOST and LOG_IO: they are away, and whether they have the batch is not known. LOG_CLOSED after `close`.
   */
  produce(batch: Buffer): Promise<void>;
  /** Lets go of all connections. */
  close(): void;
}
