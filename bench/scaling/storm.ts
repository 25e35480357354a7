import type { Costs } from "./measured-costs.ts";
import type { Figure } from "./figure.ts";
import type { Installation } from "./installation.ts";

/** All devices connect again, as after a broken network: what it takes of the gateways. */
export interface Storm {
  readonly kind: string;
  readonly connectsPerSecond: number;
  /** Of one gateway's thread, while messages go on: above 1 it does not keep up. */
  readonly utilisation: number;
  /** Until the last device is back with the gateways that there are, beside the messages: Infinity when those take all of it. */
  readonly backAfterSeconds: number;
  /** Gateways that take all of them within the storm. */
  readonly gatewaysNeeded: number;
}

export function stormsOf(installation: Installation, costs: Costs, stormSeconds: number): readonly Storm[] {
  const { gateways, fleet, peakPerSecond, gatewaySeconds, luck } = installation;
  const kinds: readonly (readonly [string, Figure])[] = [
    ["TCP", costs.connect],
    ["TLS, resumed", costs.connectTlsResumed],
    ["TLS, new session", costs.connectTls],
  ];
  const messages = (peakPerSecond * gatewaySeconds) / gateways;
  return kinds.map(([kind, figure]) => {
    const work = fleet.devices * figure[luck];
    return {
      kind,
      connectsPerSecond: fleet.devices / stormSeconds,
      utilisation: messages + work / gateways / stormSeconds,
      backAfterSeconds: messages >= 1 ? Infinity : Math.max(stormSeconds, work / gateways / (1 - messages)),
      gatewaysNeeded: Math.ceil(peakPerSecond * gatewaySeconds + work / stormSeconds),
    };
  });
}
