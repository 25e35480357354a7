import { z } from "zod";

/** How brokers are signed in to. */
export const KAFKA_SASL = z.enum(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"], {
  error: "it is PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
});
