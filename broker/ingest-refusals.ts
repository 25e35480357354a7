import type { ErrorCode } from "../core/errors.ts";

/** Why a request to the ingest port is not admitted. Counted under its name. */
export const INGEST_REFUSALS = {
  path: refusal("NOT_FOUND", 404, "telemetry is posted to /v1/telemetry or /api/v1/TOKEN/telemetry"),
  method: refusal("INVALID_INPUT", 405, "telemetry is posted: use POST"),
  "websocket-expected": refusal("INVALID_INPUT", 426, "/mqtt is MQTT over WebSocket"),
  "websocket-protocol": refusal("INVALID_INPUT", 400, 'MQTT over WebSocket needs the subprotocol "mqtt"'),
  "credentials-missing": refusal("NOT_AUTHENTICATED", 401, "the device's token is expected as Authorization: Bearer"),
  "credentials-malformed": refusal("NOT_AUTHENTICATED", 401, "the token is too long or no text"),
  "credentials-refused": refusal("NOT_AUTHENTICATED", 401, "the token is not a device's"),
  "credentials-refused-again": refusal("NOT_AUTHENTICATED", 401, "the token was refused a moment ago"),
  "credentials-guessed": refusal("LIMIT_EXCEEDED", 429, "too many tokens of the address were refused"),
  "certificate-refused": refusal("NOT_AUTHENTICATED", 401, "the certificate names no device that may connect"),
  "certificate-of-another": refusal("NOT_AUTHENTICATED", 401, "the token is another device's than the certificate"),
  "device-foreign": refusal("NOT_AUTHORIZED", 403, "the token's device may not publish for the device that is named"),
  "content-type": refusal("INVALID_INPUT", 415, "the body is JSON: application/json in UTF-8"),
  "content-encoding": refusal("INVALID_INPUT", 415, "the body is sent as it is, not compressed"),
  "idempotency-key": refusal("INVALID_INPUT", 400, "Idempotency-Key is visible ASCII characters, and not too many"),
  "idempotency-key-reused": refusal("INVALID_INPUT", 422, "another body was sent with this Idempotency-Key before"),
  "body-missing": refusal("INVALID_INPUT", 400, "the body is empty"),
  "body-too-large": refusal("PAYLOAD_TOO_LARGE", 413, "the body is larger than a device may publish at once"),
  "device-too-fast": refusal("LIMIT_EXCEEDED", 429, "the device sends faster than it may"),
  "requests-per-connection": refusal("LIMIT_EXCEEDED", 429, "too many requests on one connection wait for answers"),
  "bodies-waiting": refusal("LIMIT_EXCEEDED", 503, "too many bodies wait for the log"),
  "requests-authenticating": refusal("LIMIT_EXCEEDED", 503, "too many requests wait for the registry"),
  "authenticate-timeout": refusal("TIMED_OUT", 503, "the registry did not answer in time"),
  "authenticate-failed": refusal("REGISTRY_IO", 503, "the registry could not answer"),
  stopping: refusal("NOT_RUNNING", 503, "the gateway stops"),
} as const satisfies Record<string, IngestRefusalText>;

export type IngestRefusal = keyof typeof INGEST_REFUSALS;

export function isIngestRefusal(reason: string): reason is IngestRefusal {
  return Object.hasOwn(INGEST_REFUSALS, reason);
}

export interface IngestRefusalText {
  readonly code: ErrorCode;
  readonly status: number;
  readonly text: string;
}

function refusal(code: ErrorCode, status: number, text: string): IngestRefusalText {
  return { code, status, text };
}
