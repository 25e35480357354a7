import type { MqttConnect } from "../wire/mqtt-connect.ts";
import { ConnectedDevice } from "./connected-device.ts";
import { tokenOf } from "./credentials.ts";
import type { EdgeLimits } from "./edge-limits.ts";
import type { FieldGatewayOptions } from "./field-gateway.ts";
import { identifyPrincipal, type Peer } from "./identify-principal.ts";
import type { RefusalReason } from "./refusals.ts";

export interface ConnectStepsOptions extends FieldGatewayOptions {
  readonly limits: FieldGatewayOptions["limits"] & Pick<EdgeLimits, "mqttTokenBytesMax">;
  /** The client id of a connection that sent none [MQTT-3.1.3-6]. */
  readonly newClientId: () => string;
}

/**
 * From a valid CONNECT to the device that it speaks for: whose token or certificate. Never rejects.
 * The answer counts only if no credential was revoked between the call and the moment that the caller uses it.
 */
export async function identifyDevice(
  connect: MqttConnect,
  peer: Peer,
  options: ConnectStepsOptions,
): Promise<ConnectedDevice | RefusalReason> {
  const token = tokenOf(connect, options.limits.mqttTokenBytesMax);
  const answer = await identifyPrincipal(options.gate, peer, token);
  if ("refusal" in answer) return answer.refusal;
  const named = connect.clientId !== "";
  const clientId = named ? connect.clientId : options.newClientId();
  return new ConnectedDevice(answer.principal, { clientId, named }, options);
}

/** A will on a topic that is acknowledged and dropped is dropped too: a client that is refused for it would try again for ever. */
export function willRefusal(device: ConnectedDevice, { will }: Pick<MqttConnect, "will">): RefusalReason | null {
  if (will === null || device.acl.isAside(will.topic) || device.originOf(will.topic) !== null) return null;
  return "will-topic";
}

/** One and a half keep-alives [MQTT-3.1.2-24]. A client that asks for none or too long gets ours: 3.1.2.10 allows it. */
export function keepAliveMs(requestedSeconds: number, secondsMax: number): number {
  return Math.min(requestedSeconds === 0 ? secondsMax : requestedSeconds, secondsMax) * 1500;
}
