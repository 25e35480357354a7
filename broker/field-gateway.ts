import type { QuarantineReason } from "../core/derived-records.ts";
import { deviceKey, isId } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import type { Principal } from "../core/registry.ts";
import { decodeForwardBatch, FORWARD_TELEMETRY, isBadEnvelope, type ForwardedMessage } from "../wire/forward-batch.ts";
import { splitGatewayPayload } from "../wire/gateway-payload.ts";
import type { MessageView } from "./admission.ts";
import type { OriginOptions } from "./connected-device.ts";
import type { DeviceGate } from "./device-gate.ts";
import type { EdgeLimits } from "./edge-limits.ts";
import { MessageOrigin, type OriginDevice, originDevice } from "./message-origin.ts";
import type { RefusalReason } from "./refusals.ts";
import { deviceOfTelemetryTopic, GATEWAY_TELEMETRY, telemetryTopicOf, type TelemetryFormat } from "./topic-acl.ts";

/** What becomes one record of a message: bytes [start, end) of its source. */
export interface MessagePart {
  readonly origin: MessageOrigin;
  /** Where the bytes are not the message's own, but those that it expands to. */
  readonly source?: Buffer;
  readonly start: number;
  readonly end: number;
}

/** `ask`: ids of which it is not known whether the gateway may publish for them. `end`: why the connection cannot go on. */
export type GatewayParts =
  | { readonly parts: readonly MessagePart[] }
  | { readonly ask: readonly string[] }
  | { readonly end: RefusalReason };

export interface FieldGatewayOptions extends OriginOptions {
  readonly gate: DeviceGate;
  readonly limits: Pick<
    EdgeLimits,
    "fieldGatewayEntriesMax" | "fieldGatewayRememberedMax" | "fieldGatewayRememberMs" | "fieldGatewayRefusalMs"
  >;
}

/** What is known of a device for a while. */
interface KnownDevice {
  /** Null when the gateway may not publish for it. */
  readonly device: OriginDevice | null;
  /** UTC ms. */
  readonly until: number;
  readonly origins: Map<TelemetryFormat, MessageOrigin>;
}

/**
 * One connection of a device that publishes for others: for whom each part of its messages is. What it may not publish goes under its own key, marked
 * with why, so that the other devices of a message, and of the connection, do not suffer. What was learnt counts until any credential or
 * assignment is revoked, and no longer than a minute.
 */
export class FieldGateway {
  readonly #tenant: string;
  readonly #own: OriginDevice;
  readonly #clientId: string;
  readonly #options: FieldGatewayOptions;
  readonly #known = new Map<string, KnownDevice>();
  readonly #refused = new Map<QuarantineReason, MessageOrigin>();
  #revocations: number;

  constructor({ tenant, id }: Principal, clientId: string, options: FieldGatewayOptions) {
    this.#tenant = tenant;
    this.#own = originDevice({ tenant, id }, options.partitionCount);
    this.#clientId = clientId;
    this.#options = options;
    this.#revocations = options.gate.revocations;
  }

  /** Null when it is no topic on which a gateway publishes for others. */
  partsOf(topic: string, message: MessageView, now: number): GatewayParts | null {
    if (topic === GATEWAY_TELEMETRY) return this.#partsOfEntries(message, now);
    if (topic === FORWARD_TELEMETRY) return this.#partsOfEnvelope(message, now);
    const named = deviceOfTelemetryTopic(topic);
    if (named === null) return null;
    const { payloadStart: start, end } = message;
    const refuse = (reason: QuarantineReason) => ({ parts: [{ origin: this.#refusal(topic, reason), start, end }] });
    if (!isId(named.device)) return refuse("bad-device");
    if (named.tenant !== this.#tenant) return refuse("foreign-device");
    const known = this.#recall(named.device, now);
    if (known === undefined) return { ask: [named.device] };
    const origin = this.#originOf(known, topic, "json");
    return origin === null ? refuse("foreign-device") : { parts: [{ origin, start, end }] };
  }

  /** Null when it has been answered, and `partsOf` knows. Never rejects. */
  async ask(ids: readonly string[], now: () => number): Promise<RefusalReason | null> {
    const { gate, limits, partitionCount } = this.#options;
    const answer = await gate.publishable(this.#own.key, ids);
    if ("refusal" in answer) return answer.refusal;
    this.#forgetRevoked();
    const at = now();
    for (const id of ids) {
      const may = answer.publishable.has(id);
      const device = may ? originDevice({ tenant: this.#tenant, id }, partitionCount) : null;
      const until = at + (may ? limits.fieldGatewayRememberMs : limits.fieldGatewayRefusalMs);
      this.#remember(id, { device, until, origins: new Map() });
    }
    return null;
  }

  #partsOfEntries({ source, payloadStart, end }: MessageView, now: number): GatewayParts {
    const entries = splitGatewayPayload(source, payloadStart, end, this.#options.limits.fieldGatewayEntriesMax);
    const refusal = (reason: QuarantineReason) => this.#refusal(GATEWAY_TELEMETRY, reason);
    if (typeof entries === "string") return { parts: [{ origin: refusal(entries), start: payloadStart, end }] };
    const unknown = new Set<string>();
    const parts: MessagePart[] = [];
    for (const entry of entries) {
      if (!isId(entry.name)) {
        parts.push({ origin: refusal("bad-device"), start: entry.start, end: entry.end });
        continue;
      }
      const known = this.#recall(entry.name, now);
      if (known === undefined) {
        unknown.add(entry.name);
        continue;
      }
      const origin = this.#originOf(known, GATEWAY_TELEMETRY, "tb-json");
      if (origin === null) parts.push({ origin: refusal("foreign-device"), start: entry.start, end: entry.end });
      else parts.push({ origin, start: entry.valueStart, end: entry.end });
    }
    return unknown.size > 0 ? { ask: [...unknown] } : { parts };
  }

  /** A bad envelope is not acknowledged: the edge keeps what is in it. */
  #partsOfEnvelope({ source, payloadStart, end }: MessageView, now: number): GatewayParts {
    let messages: readonly ForwardedMessage[];
    try {
      messages = decodeForwardBatch(source.subarray(payloadStart, end));
    } catch (error) {
      if (isBadEnvelope(error)) return { end: "forward-envelope" };
      throw error;
    }
    const unknown = new Set<string>();
    const parts: MessagePart[] = [];
    for (const message of messages) {
      const known = message.device === null ? null : this.#recall(message.device, now);
      if (known === undefined) unknown.add(message.device ?? "");
      else parts.push(this.#forwardedPart(message, known?.device ?? null));
    }
    return unknown.size > 0 ? { ask: [...unknown] } : { parts };
  }

  /** `device`: null when the gateway may not publish for it. */
  #forwardedPart(message: ForwardedMessage, device: OriginDevice | null): MessagePart {
    const { payload, admissionId, clientId, format } = message;
    const named = message.device === null ? null : deviceKey(this.#tenant, message.device);
    const refused = device !== null ? {} : ({ refused: named === null ? "bad-device" : "foreign-device" } as const);
    const trace = message.trace === null ? {} : { trace: { parent: message.trace, request: null } };
    const client = { clientId, format, gateway: this.#own, forwarded: message, ...refused, ...trace };
    const topic = named === null ? FORWARD_TELEMETRY : telemetryTopicOf(named);
    const prefix = this.#options.admissionPrefix;
    const origin = new MessageOrigin(device ?? this.#own, topic, client, prefix, admissionId);
    return { origin, source: payload, start: 0, end: payload.length };
  }

  #originOf({ device, origins }: KnownDevice, topic: string, format: TelemetryFormat): MessageOrigin | null {
    if (device === null) return null;
    const made = origins.get(format);
    if (made !== undefined) return made;
    const client = { clientId: this.#clientId, format, gateway: this.#own };
    const origin = new MessageOrigin(device, topic, client, this.#options.admissionPrefix);
    origins.set(format, origin);
    return origin;
  }

  /** Of a device's topic it is made anew: there are as many as a gateway can think of. */
  #refusal(topic: string, reason: QuarantineReason): MessageOrigin {
    const made = topic === GATEWAY_TELEMETRY ? this.#refused.get(reason) : undefined;
    if (made !== undefined) return made;
    const format = topic === GATEWAY_TELEMETRY ? "tb-json" : "json";
    const client = { clientId: this.#clientId, format, refused: reason } as const;
    const origin = new MessageOrigin(this.#own, topic, client, this.#options.admissionPrefix);
    if (topic === GATEWAY_TELEMETRY) this.#refused.set(reason, origin);
    return origin;
  }

  #recall(id: string, now: number): KnownDevice | undefined {
    this.#forgetRevoked();
    const known = this.#known.get(id);
    return known === undefined || known.until <= now ? undefined : known;
  }

  /** Whatever was revoked: assignments change seldom, and asking again is one question for a whole message. */
  #forgetRevoked(): void {
    const { revocations } = this.#options.gate;
    if (revocations === this.#revocations) return;
    this.#known.clear();
    this.#revocations = revocations;
  }

  /** Forgets what was learnt first; never one of the message that is asked for. */
  #remember(id: string, known: KnownDevice): void {
    const { fieldGatewayRememberedMax, fieldGatewayEntriesMax } = this.#options.limits;
    this.#known.delete(id);
    this.#known.set(id, known);
    const { forwardBatchRecordsMax } = LIMITS;
    if (this.#known.size <= Math.max(fieldGatewayRememberedMax, fieldGatewayEntriesMax, forwardBatchRecordsMax)) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }
}
