import { deviceKey } from "../core/ids.ts";
import { partitionOf } from "../core/partitioner.ts";
import { type Header, HEADER } from "../core/record.ts";
import type { Principal } from "../core/registry.ts";
import { PackedHeaders, packText } from "../wire/packed-headers.ts";
import type { TelemetryFormat } from "./topic-acl.ts";

/** Whose message it is, and where it goes. */
export interface OriginDevice {
  /** `tenant/device`. */
  readonly key: string;
  readonly partition: number;
  readonly id: string;
}

export function originDevice({ tenant, id }: Principal, partitionCount: number): OriginDevice {
  const key = deviceKey(tenant, id);
  return { key, partition: partitionOf(key, partitionCount), id };
}

/** The order of the number headers in what `MessageOrigin.headers` gives. */
export const ADMISSION_NUMBER = 0;
export const PACKET_ID_NUMBER = 1;

/** What all messages of one connection and topic share, encoded once. */
export class MessageOrigin {
  readonly key: string;
  readonly partition: number;
  /** As a record has it. */
  readonly packedKey: Buffer;
  /** False when all its messages are one that comes again: they have one admission id, and no packet id. */
  readonly isNumbered: boolean;
  readonly #make: (admissionId: string) => MessageOrigin;
  readonly #shared: readonly Header[];
  readonly #admissionPrefix: string;
  readonly #headers: PackedHeaders[] = [];

  /** `admissionPrefix` stands in front of the sequence number in admission ids, unless `admissionId` is the only one. */
  constructor(
    device: OriginDevice,
    topic: string,
    client: { readonly clientId: string; readonly format: TelemetryFormat },
    admissionPrefix: string,
    admissionId?: string,
  ) {
    this.key = device.key;
    this.partition = device.partition;
    this.packedKey = packText(device.key);
    this.#admissionPrefix = admissionPrefix;
    this.isNumbered = admissionId === undefined;
    this.#make = (id) => new MessageOrigin(device, topic, client, admissionPrefix, id);
    this.#shared = [
      [HEADER.mqttTopic, topic],
      [HEADER.clientId, client.clientId],
      [HEADER.principal, `device:${device.id}`],
      [HEADER.format, client.format],
      ...(admissionId === undefined ? [] : [[HEADER.admissionId, admissionId] as const]),
    ];
  }

  /** For one message, which has this admission id however often it comes. */
  withAdmissionId(admissionId: string): MessageOrigin {
    return this.#make(admissionId);
  }

  /** The headers of such a message; what is missing are its numbers: the sequence number, then the packet id unless it has none. */
  headers(qos: 0 | 1 | 2, dup: boolean, hasPacketId: boolean): PackedHeaders {
    const variant = qos | (dup ? 4 : 0) | (hasPacketId ? 8 : 0);
    return (this.#headers[variant] ??= this.#encode(qos, dup, hasPacketId));
  }

  #encode(qos: 0 | 1 | 2, dup: boolean, hasPacketId: boolean): PackedHeaders {
    const own: readonly Header[] = [
      [HEADER.qos, String(qos)],
      [HEADER.dup, dup ? "1" : "0"],
    ];
    if (!this.isNumbered) return new PackedHeaders([...this.#shared, ...own], []);
    const admissionId = { name: HEADER.admissionId, prefix: this.#admissionPrefix };
    const numbers = hasPacketId ? [admissionId, { name: HEADER.packetId, prefix: "" }] : [admissionId];
    return new PackedHeaders([...this.#shared, ...own], numbers);
  }
}
