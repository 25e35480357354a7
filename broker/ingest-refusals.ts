import type { ErrorCode } from "../core/errors.ts";

const USE_ITS_TOKEN =
  "Use the token that millrace devices add or rotate has printed; older ones do not work, nor those of devices that are disabled or removed.";

/** What to do when a message is not admitted for now. */
export const AGAIN =
  "Send it again after Retry-After; with an Idempotency-Key it counts once. If it stays so, the operator sees why with millrace doctor.";

/** Why a request to the ingest port is not admitted. Counted under its name. */
export const INGEST_REFUSALS = {
  path: refusal(
    "NOT_FOUND",
    404,
    "telemetry is posted to /v1/telemetry or /api/v1/TOKEN/telemetry",
    "Correct the path; the API for people and programs has a port of its own.",
  ),
  method: refusal(
    "INVALID_INPUT",
    405,
    "telemetry is posted: use POST",
    "Send the same request with POST; what is stored is read through the API.",
  ),
  "websocket-expected": refusal(
    "INVALID_INPUT",
    426,
    "/mqtt is MQTT over WebSocket",
    "Open it with an MQTT client that speaks WebSocket, or post to /v1/telemetry.",
  ),
  "websocket-protocol": refusal(
    "INVALID_INPUT",
    400,
    'MQTT over WebSocket needs the subprotocol "mqtt"',
    "Offer it with Sec-WebSocket-Protocol: mqtt.",
  ),
  "credentials-missing": refusal(
    "NOT_AUTHENTICATED",
    401,
    "the device's token is expected as Authorization: Bearer",
    "Send Authorization: Bearer TOKEN, with the token that the device was given when it was added.",
  ),
  "credentials-malformed": refusal("NOT_AUTHENTICATED", 401, "the token is too long or no text", USE_ITS_TOKEN),
  "credentials-refused": refusal("NOT_AUTHENTICATED", 401, "the token is not a device's", USE_ITS_TOKEN),
  "credentials-refused-again": refusal(
    "NOT_AUTHENTICATED",
    401,
    "the token was refused a moment ago, and is not looked up again yet",
    `Wait some seconds if the device has been added or enabled since. ${USE_ITS_TOKEN}`,
  ),
  "credentials-guessed": refusal(
    "LIMIT_EXCEEDED",
    429,
    "too many tokens of the address were refused, and this one is not looked up yet",
    "Correct the tokens of what sends from this address, and send this one again after Retry-After.",
  ),
  "certificate-refused": refusal(
    "NOT_AUTHENTICATED",
    401,
    "the certificate names no device that may connect",
    "Use a certificate whose common name is the id of a device that is there and enabled.",
  ),
  "certificate-of-another": refusal(
    "NOT_AUTHENTICATED",
    401,
    "the token is another device's than the certificate",
    "Send the certificate's device's own token, or no token.",
  ),
  "device-foreign": refusal(
    "NOT_AUTHORIZED",
    403,
    "the token's device may not publish for the device that is named",
    "Leave ?device= out, or make the token's device that one's gateway: millrace devices assign DEVICE --via GATEWAY.",
  ),
  "content-type": refusal(
    "INVALID_INPUT",
    415,
    "the body is not declared as JSON in UTF-8",
    "Send JSON with Content-Type: application/json.",
  ),
  "content-encoding": refusal(
    "INVALID_INPUT",
    415,
    "the body is declared as compressed or otherwise encoded",
    "Leave Content-Encoding out and send the body as it is.",
  ),
  "idempotency-key": refusal(
    "INVALID_INPUT",
    400,
    "Idempotency-Key is empty, too long, or not visible ASCII throughout",
    "Send one short key of visible characters, such as a UUID.",
  ),
  "idempotency-key-reused": refusal(
    "INVALID_INPUT",
    422,
    "another body was sent with this Idempotency-Key before",
    "Make a new key for each message, and use it again only to send the same bytes again.",
  ),
  "body-missing": refusal(
    "INVALID_INPUT",
    400,
    "the body is empty",
    'Send readings as JSON, such as {"temperature": 21.5}.',
  ),
  "body-too-large": refusal(
    "PAYLOAD_TOO_LARGE",
    413,
    "the body is larger than a device may publish at once",
    "Send it in several requests, or have the operator raise payloadBytesMax.",
  ),
  "device-too-fast": refusal(
    "LIMIT_EXCEEDED",
    429,
    "the device sends faster than it may",
    "Wait as long as Retry-After says, and put several readings into one body.",
  ),
  "requests-per-connection": refusal(
    "LIMIT_EXCEEDED",
    429,
    "too many requests on one connection wait for answers",
    "Wait for answers before sending more, or put several readings into one body.",
  ),
  "bodies-waiting": refusal("LIMIT_EXCEEDED", 503, "too many bodies wait for the log", AGAIN),
  "requests-authenticating": refusal("LIMIT_EXCEEDED", 503, "too many requests wait for the registry", AGAIN),
  "authenticate-timeout": refusal("TIMED_OUT", 503, "the registry did not answer in time", AGAIN),
  "authenticate-failed": refusal("REGISTRY_IO", 503, "the registry could not answer", AGAIN),
  stopping: refusal("NOT_RUNNING", 503, "the gateway stops", AGAIN),
} as const satisfies Record<string, IngestRefusalText>;

export type IngestRefusal = keyof typeof INGEST_REFUSALS;

export function isIngestRefusal(reason: string): reason is IngestRefusal {
  return Object.hasOwn(INGEST_REFUSALS, reason);
}

export interface IngestRefusalText {
  readonly code: ErrorCode;
  readonly status: number;
  /** What happened, and why. */
  readonly text: string;
  /** What whoever sends can do. */
  readonly remedy: string;
}

function refusal(code: ErrorCode, status: number, text: string, remedy: string): IngestRefusalText {
  return { code, status, text, remedy };
}
