import { LIMITS } from "../core/limits.ts";
import type { ErrorCode } from "../core/errors.ts";

/** CONNACK return codes of MQTT 3.1.1 (table 3.1); 0 stands for "close without a CONNACK". */
export type ConnackCode = 0 | 1 | 2 | 3 | 4 | 5;

export interface RefusalText {
  readonly code: ErrorCode;
  /** Sent when the breach is in the CONNECT packet; afterwards 3.1.1 can only close. */
  readonly returnCode: ConnackCode;
  readonly text: string;
}

/**
 * Every way in which bytes of a peer break MQTT 3.1.1 or a ceiling. The key is the reason that is counted and logged.
 * Clauses are those of the OASIS standard of 29 October 2014.
 */
export const MQTT_BREACHES = {
  "remaining-length": malformed("remaining length runs over four bytes (2.2.3)"),
  "packet-type": malformed("packet type is reserved or only sent by servers (2.2.1)"),
  "header-flags": malformed("reserved bits of the fixed header are not as the packet type wants them [MQTT-2.2.2-2]"),
  "connect-expected": malformed("the first packet is not CONNECT [MQTT-3.1.0-1]"),
  "connect-repeated": malformed("a second CONNECT [MQTT-3.1.0-2]"),
  "packet-length": malformed("the packet's fields and its remaining length disagree (2.2.3)"),
  "protocol-name": malformed("the protocol name is not MQTT [MQTT-3.1.2-1]"),
  "protocol-level": unsupported("the protocol level is not 4, which is MQTT 3.1.1 [MQTT-3.1.2-2]", 1),
  "protocol-level-5": unsupported(
    "MQTT 5 is not served: the client has to ask for MQTT 3.1.1 (mosquitto_pub -V 311, protocolVersion 4 in mqtt.js, MQTTv311 in paho)",
    1,
  ),
  "connect-flags": malformed("the CONNECT flags contradict each other or use the reserved bit [MQTT-3.1.2-3]"),
  "will-qos": malformed("the will's QoS is 3 [MQTT-3.1.2-14]"),
  "client-id-empty": malformed("an empty client id needs a clean session [MQTT-3.1.3-8]", 2),
  "client-id-invalid": malformed(
    `the client id is not 1–${LIMITS.idCharactersMax} characters of A–Z a–z 0–9 _ . : -`,
    2,
  ),
  "utf8-invalid": malformed("a string is not well-formed UTF-8 [MQTT-1.5.3-1]"),
  "character-refused": malformed("a string holds U+0000, a control character or a non-character [MQTT-1.5.3-2]"),
  "topic-empty": topic("a topic or filter is empty [MQTT-4.7.3-1]"),
  "topic-wildcard": topic("a topic name holds a wildcard [MQTT-3.3.2-2]"),
  "topic-too-long": topic("a topic or filter is longer than the limit"),
  "topic-too-deep": topic("a topic or filter has more levels than the limit"),
  "filter-syntax": topic("a wildcard does not stand alone in its level or # is not the last one [MQTT-4.7.1-2]"),
  "filters-missing": malformed("SUBSCRIBE or UNSUBSCRIBE without a filter [MQTT-3.8.3-3]"),
  "filters-too-many": { code: "LIMIT_EXCEEDED", returnCode: 0, text: "more filters in one packet than the limit" },
  "subscribe-qos": malformed("the requested QoS is 3 or its reserved bits are set [MQTT-3-8.3-4]"),
  "publish-qos": malformed("the PUBLISH has QoS 3 [MQTT-3.3.1-4]"),
  "publish-dup": malformed("DUP is set on a QoS 0 PUBLISH [MQTT-3.3.1-2]"),
  "packet-id-zero": malformed("the packet identifier is 0 [MQTT-2.3.1-1]"),
  "packet-unsolicited": malformed("an acknowledgement of what was never sent (4.3)"),
  "packet-too-large": { code: "PACKET_TOO_LARGE", returnCode: 0, text: "the packet is larger than the limit" },
  "payload-too-large": { code: "PAYLOAD_TOO_LARGE", returnCode: 0, text: "the payload is larger than the limit" },
} as const satisfies Record<string, RefusalText>;

export type MqttBreach = keyof typeof MQTT_BREACHES;

function malformed(text: string, returnCode: ConnackCode = 0): RefusalText {
  return { code: "MQTT_MALFORMED", returnCode, text };
}

function unsupported(text: string, returnCode: ConnackCode): RefusalText {
  return { code: "MQTT_UNSUPPORTED", returnCode, text };
}

function topic(text: string): RefusalText {
  return { code: "TOPIC_INVALID", returnCode: 0, text };
}
