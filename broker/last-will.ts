import type { MqttWill } from "../wire/mqtt-connect.ts";
import type { ConnectedDevice } from "./connected-device.ts";
import type { PlainEnd, RefusalReason } from "./refusals.ts";
import type { Wills } from "./wills.ts";

/**
 * Publishes the will, unless the client said goodbye [MQTT-3.1.2-8, 3.14.4-3]. Not for a revoked credential, which may say nothing any more, nor
 * when the broker stops: the device did not fail (3.1.2.5 lets a server that shuts down defer it).
 */
export function publishWill(
  will: MqttWill | null,
  device: ConnectedDevice | null,
  reason: RefusalReason | PlainEnd,
  wills: Pick<Wills, "publish">,
): void {
  if (will === null || device === null) return;
  if (reason === "disconnected" || reason === "revoked" || reason === "stopping") return;
  const origin = device.originOf(will.topic);
  if (origin !== null) wills.publish(device, origin, will);
}
