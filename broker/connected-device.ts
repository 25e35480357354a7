import type { Principal } from "../core/registry.ts";
import { FieldGateway, type FieldGatewayOptions } from "./field-gateway.ts";
import { MessageOrigin, originDevice } from "./message-origin.ts";
import { createTopicAcl, type TelemetryFormat, type TopicAcl } from "./topic-acl.ts";

/** What a connection knows about its device once the credential has spoken; made once, used by every message. */
export interface ConnectedDevice {
  readonly key: string;
  readonly clientId: string;
  /** `tenant/device/client id`: what a newer connection takes over. */
  readonly client: string;
  /** False when the edge made the client id: nobody else can have it. */
  readonly named: boolean;
  readonly acl: TopicAcl;
  /** Null for a device that publishes for itself only. */
  readonly gateway: FieldGateway | null;
  /** Where a message published to `topic` belongs; null when the device may not publish there. */
  originOf(topic: string): MessageOrigin | null;
}

export interface OriginOptions {
  readonly partitionCount: number;
  /** Of admission ids, in front of the sequence number; no other gateway has it, nor this one with another start. */
  readonly admissionPrefix: string;
}

export function createConnectedDevice(
  principal: Principal,
  { clientId, named }: Pick<ConnectedDevice, "clientId" | "named">,
  options: FieldGatewayOptions,
): ConnectedDevice {
  const { partitionCount, admissionPrefix } = options;
  const isGateway = principal.isGateway === true;
  const device = originDevice(principal, partitionCount);
  const { key } = device;
  const acl = createTopicAcl(principal.tenant, principal.id, isGateway);
  const origins = new Map<TelemetryFormat, MessageOrigin>();
  return {
    key,
    clientId,
    client: `${key}/${clientId}`,
    named,
    acl,
    gateway: isGateway ? new FieldGateway(principal, clientId, options) : null,
    originOf(topic) {
      const format = acl.publishFormat(topic);
      if (format === null) return null;
      const known = origins.get(format);
      if (known !== undefined) return known;
      const made = new MessageOrigin(device, topic, { clientId, format }, admissionPrefix);
      origins.set(format, made);
      return made;
    },
  };
}
