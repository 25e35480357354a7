import { randomUUID } from "node:crypto";
import { beforeEach, inject } from "vitest";

/** In the project "kafka": instances that a test starts keep their log on the broker, under a name of their own per test. */
beforeEach(({ skip }) => {
  const brokers = inject("kafkaBrokers");
  if (brokers === null) skip("needs Java and Maven");
  else {
    process.env["MILLRACE_KAFKA_BROKERS"] = brokers;
    process.env["MILLRACE_KAFKA_PREFIX"] = `test-${randomUUID()}.`;
  }
});
