import { MQTT_BREACHES, type RefusalText } from "../wire/mqtt-breach.ts";

/**
 * Why the edge ends a connection: what the walker finds in its bytes, and what follows from policy. MQTT 3.1.1 can say no only in
 * CONNACK; later it can but close. So each reason is logged, and counted under its name.
 *
 * Wills on other devices' topics, and, where no store keeps them, sessions that outlive their connection are not served: a CONNECT that asks
 * for one gets code 5 "not authorized", because the others say something else (3 "unavailable" invites endless retries, 2 blames
 * the id) and because accepting it and not keeping the promise would lose messages.
 */
export const REFUSALS = {
  ...MQTT_BREACHES,
  "connect-timeout": { code: "TIMED_OUT", returnCode: 0, text: "no CONNECT arrived in time [MQTT-3.1.4-1]" },
  "connections-unauthenticated": limit("too many connections that have not said who they are"),
  "unauthenticated-per-address": limit("too many connections of one address that have not said who they are"),
  "connections-total": limit("too many connections"),
  "connects-per-address": limit("one address connects too often"),
  "connects-per-device": { ...limit("the device connects too often"), returnCode: 3 },
  "connections-per-device": { ...limit("the device has too many connections"), returnCode: 3 },
  "credentials-missing": { code: "NOT_AUTHENTICATED", returnCode: 5, text: "no token as password or as user name" },
  "credentials-malformed": { code: "NOT_AUTHENTICATED", returnCode: 4, text: "the token is too long or no text" },
  "credentials-refused": { code: "NOT_AUTHENTICATED", returnCode: 5, text: "the token is not a device's" },
  "credentials-refused-again": {
    code: "NOT_AUTHENTICATED",
    returnCode: 5,
    text: "the token was refused a moment ago, and is not looked up yet",
  },
  "credentials-guessed": {
    ...limit("too many tokens of the address were refused, and this one is not looked up yet"),
    returnCode: 3,
  },
  "certificate-refused": {
    code: "NOT_AUTHENTICATED",
    returnCode: 5,
    text: "the certificate's common name is no device that may connect",
  },
  "certificate-of-another": {
    code: "NOT_AUTHENTICATED",
    returnCode: 5,
    text: "the token is another device's than the certificate",
  },
  "tls-handshake": { code: "NOT_AUTHENTICATED", returnCode: 0, text: "the TLS handshake did not succeed" },
  "authenticate-timeout": { code: "TIMED_OUT", returnCode: 3, text: "the registry did not answer in time" },
  "authenticate-failed": { code: "REGISTRY_IO", returnCode: 3, text: "the registry could not answer" },
  "session-persistent": {
    code: "MQTT_UNSUPPORTED",
    returnCode: 5,
    text: "clean session = 0 is not served without a session store",
  },
  "session-store": {
    code: "SESSION_STORE_IO",
    returnCode: 3,
    text: "the session store did not take or give what it should",
  },
  "sessions-total": { ...limit("too many sessions are kept"), returnCode: 3 },
  "sessions-per-device": { ...limit("too many sessions are kept for the device"), returnCode: 3 },
  "will-topic": { code: "NOT_AUTHORIZED", returnCode: 5, text: "the will is not for the device's own telemetry" },
  "receive-maximum": limit("too many QoS 2 messages that are not released with PUBREL"),
  "publish-topic": { code: "NOT_AUTHORIZED", returnCode: 0, text: "published to a topic that is not the device's own" },
  "publish-gateway": {
    code: "NOT_AUTHORIZED",
    returnCode: 0,
    text: "published for other devices by a device that is no gateway",
  },
  "forward-envelope": {
    code: "INVALID_INPUT",
    returnCode: 0,
    text: "what an edge installation forwards is no envelope that is understood here",
  },
  "websocket-frame": {
    code: "MQTT_MALFORMED",
    returnCode: 0,
    text: "MQTT over WebSocket is binary frames of a bounded size [MQTT-6.0.0-1]",
  },
  "append-failed": { code: "LOG_IO", returnCode: 0, text: "the log did not take the message" },
  "subscriber-slow": limit("the subscriber does not read what it asked for"),
  "keep-alive": { code: "TIMED_OUT", returnCode: 0, text: "silent for one and a half keep-alives [MQTT-3.1.2-24]" },
  revoked: { code: "NOT_AUTHENTICATED", returnCode: 0, text: "the credential was revoked" },
  "taken-over": { code: "LIMIT_EXCEEDED", returnCode: 0, text: "the same client connected again [MQTT-3.1.4-2]" },
  internal: { code: "INTERNAL", returnCode: 3, text: "an unexpected error" },
  stopping: { code: "NOT_RUNNING", returnCode: 0, text: "the broker stops" },
} as const satisfies Record<string, RefusalText | Defect>;

export type RefusalReason = keyof typeof REFUSALS;

/** Why SUBACK refuses a filter; the connection goes on (3.9.3). */
export const FILTER_REFUSALS = {
  "filter-foreign": "the filter reaches beyond the device's own topics",
  "filter-shared-malformed": "$share/group/filter needs a group without wildcards and a filter",
  "filter-shared-transient":
    "with several gateways only sessions that are kept (clean session = 0) can share a subscription",
  "filters-per-connection": "too many subscriptions of one client",
} as const;

export type FilterRefusal = keyof typeof FILTER_REFUSALS;

/** Ends that are no refusal: the client said goodbye, or its socket is gone. */
export type PlainEnd = "disconnected" | "lost";

/** A defect of ours is no operating error and has none of their codes; the API calls it the same. */
type Defect = Omit<RefusalText, "code"> & { readonly code: "INTERNAL" };

function limit(text: string): RefusalText {
  return { code: "LIMIT_EXCEEDED", returnCode: 0, text };
}
