import { deviceKey } from "../core/ids.ts";
import { partitionOf } from "../core/partitioner.ts";
import { type Header, HEADER } from "../core/record.ts";
import type { QuarantineReason } from "../core/derived-records.ts";
import type { Principal } from "../core/registry.ts";
import type { ForwardedMessage } from "../wire/forward-batch.ts";
import { PackedHeaders, packText } from "../wire/packed-headers.ts";
import type { IncomingTrace } from "../wire/trace-context.ts";
import type { TelemetryFormat } from "./topic-acl.ts";

/** Whose message it is, and where it goes. */
export interface OriginDevice {
  /** `tenant/device`. */
  readonly key: string;
  readonly partition: number;
  readonly id: string;
}

export function originDevice({ tenant, id }: Pick<Principal, "tenant" | "id">, partitionCount: number): OriginDevice {
  const key = deviceKey(tenant, id);
  return { key, partition: partitionOf(key, partitionCount), id };
}

/** What is known of a message's trace when it comes. */
export interface MessageTrace {
  /** Of the sender; null when it says nothing of one. */
  readonly parent: IncomingTrace | null;
  /** The request with which it came over HTTP; null for what did not come so. `startMs`: when it began, UTC ms. */
  readonly request: { readonly id: string; readonly startMs: number } | null;
}

/** Who published it, and what. */
export interface OriginClient {
  readonly clientId: string;
  readonly format: TelemetryFormat;
  /** The device whose credential it was, when it published for another one. */
  readonly gateway?: OriginDevice;
  /** What an edge installation has forwarded, and how the device sent it there. */
  readonly forwarded?: Pick<ForwardedMessage, "origin" | "qos" | "dup" | "packetId">;
  /** Why it is not admitted for the device that it names: it lies under the key of the gateway itself. */
  readonly refused?: QuarantineReason;
  /** Of a single message, where traces are switched on. */
  readonly trace?: MessageTrace;
}

/** The order of the number headers in what `MessageOrigin.headers` gives. */
export const ADMISSION_NUMBER = 0;
export const PACKET_ID_NUMBER = 1;

/** What all messages of one connection and topic share, encoded once. */
export class MessageOrigin {
  readonly key: string;
  /** The gateway (`tenant/device`) that published it for the device; null when the device did so itself. */
  readonly via: string | null;
  /** False for what goes to quarantine, whatever it says. */
  readonly isTelemetry: boolean;
  readonly partition: number;
  /** As a record has it. */
  readonly packedKey: Buffer;
  /** False when all its messages are one that comes again: they have one admission id, and no packet id. */
  readonly isNumbered: boolean;
  readonly format: TelemetryFormat;
  /** The one of all its messages; null when they are numbered. */
  readonly admissionId: string | null;
  /** Null unless it is of a single message, whose sender may have said something of its trace. */
  readonly trace: MessageTrace | null;
  readonly #device: OriginDevice;
  readonly #topic: string;
  readonly #client: OriginClient;
  readonly #admissionPrefix: string;
  readonly #headers: PackedHeaders[] = [];

  /** `admissionPrefix` stands in front of the sequence number in admission ids, unless `admissionId` is the only one. */
  constructor(
    device: OriginDevice,
    topic: string,
    client: OriginClient,
    admissionPrefix: string,
    admissionId?: string,
  ) {
    const { gateway = device, refused } = client;
    this.key = device.key;
    this.via = gateway.key === device.key ? null : gateway.key;
    this.isTelemetry = refused === undefined;
    this.partition = device.partition;
    this.packedKey = packText(device.key);
    this.#admissionPrefix = admissionPrefix;
    this.isNumbered = admissionId === undefined;
    this.format = client.format;
    this.admissionId = admissionId ?? null;
    this.trace = client.trace ?? null;
    this.#device = device;
    this.#topic = topic;
    this.#client = client;
  }

  /** For one message, which has this admission id however often it comes; the same origin when it has one already. */
  withAdmissionId(admissionId: string): MessageOrigin {
    if (!this.isNumbered) return this;
    return new MessageOrigin(this.#device, this.#topic, this.#client, this.#admissionPrefix, admissionId);
  }

  /** The headers of such a message; what is missing are its numbers: the sequence number, then the packet id unless it has none. */
  headers(qos: 0 | 1 | 2, dup: boolean, hasPacketId: boolean): PackedHeaders {
    const variant = qos | (dup ? 4 : 0) | (hasPacketId ? 8 : 0);
    return (this.#headers[variant] ??= this.#encode(qos, dup, hasPacketId));
  }

  #encode(qos: 0 | 1 | 2, dup: boolean, hasPacketId: boolean): PackedHeaders {
    const { clientId, format, gateway = this.#device, forwarded, refused } = this.#client;
    const sent = forwarded ?? { qos, dup, packetId: null };
    const fixed: readonly Header[] = [
      [HEADER.mqttTopic, this.#topic],
      [HEADER.clientId, clientId],
      [HEADER.principal, `device:${gateway.id}`],
      [HEADER.format, format],
      ...(refused === undefined ? [] : [[HEADER.refused, refused] as const]),
      ...(this.admissionId === null ? [] : [[HEADER.admissionId, this.admissionId] as const]),
      [HEADER.qos, String(sent.qos)],
      [HEADER.dup, sent.dup ? "1" : "0"],
      ...(sent.packetId === null ? [] : [[HEADER.packetId, sent.packetId] as const]),
      ...(forwarded === undefined ? [] : [[HEADER.forwarded, forwarded.origin] as const]),
    ];
    if (!this.isNumbered) return new PackedHeaders(fixed, []);
    const admissionId = { name: HEADER.admissionId, prefix: this.#admissionPrefix };
    const numbers = hasPacketId ? [admissionId, { name: HEADER.packetId, prefix: "" }] : [admissionId];
    return new PackedHeaders(fixed, numbers);
  }
}
