import type { Principal } from "../core/registry.ts";
import { FieldGateway, type FieldGatewayOptions } from "./field-gateway.ts";
import { MessageOrigin, type OriginDevice, originDevice } from "./message-origin.ts";
import { TopicAcl } from "./topic-acl.ts";

export interface OriginOptions {
  readonly partitionCount: number;
  /** Of admission ids, in front of the sequence number; no other gateway has it, nor this one with another start. */
  readonly admissionPrefix: string;
}

/** What a connection knows about its device once the credential has spoken; made once, used by every message. */
export class ConnectedDevice {
  readonly clientId: string;
  /** `tenant/device/client id`: what a newer connection takes over. */
  readonly client: string;
  /** False when the edge made the client id: nobody else can have it. */
  readonly named: boolean;
  readonly acl: TopicAcl;
  /** Null for a device that publishes for itself only. */
  readonly gateway: FieldGateway | null;
  readonly #device: OriginDevice;
  readonly #admissionPrefix: string;
  /** Of the last format that it used. */
  #origin: MessageOrigin | null = null;

  constructor(
    principal: Principal,
    { clientId, named }: Pick<ConnectedDevice, "clientId" | "named">,
    options: FieldGatewayOptions,
  ) {
    const isGateway = principal.isGateway === true;
    this.#device = originDevice(principal, options.partitionCount);
    this.#admissionPrefix = options.admissionPrefix;
    this.clientId = clientId;
    this.client = `${this.#device.key}/${clientId}`;
    this.named = named;
    this.acl = new TopicAcl(this.#device.key, isGateway);
    this.gateway = isGateway ? new FieldGateway(principal, clientId, options) : null;
  }

  /** `tenant/device`. */
  get key(): string {
    return this.#device.key;
  }

  /** Where a message published to `topic` belongs; null when the device may not publish there. */
  originOf(topic: string): MessageOrigin | null {
    const format = this.acl.publishFormat(topic);
    if (format === null) return null;
    if (this.#origin?.format !== format) {
      this.#origin = new MessageOrigin(this.#device, topic, { clientId: this.clientId, format }, this.#admissionPrefix);
    }
    return this.#origin;
  }
}
