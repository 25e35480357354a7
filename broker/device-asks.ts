import type { Announcement, GatewayLink } from "./gateway-link.ts";

/** Whose topics the connections of this gateway ask for, so that others send what they get of these devices. */
export interface DeviceAsks {
  /** A connection asks for topics of this device (`tenant/device`). */
  begin(key: string): void;
  /** It does so no more. */
  cease(key: string): void;
  /** When the other gateways know that it is asked for; null when nobody is to be waited for. */
  heard(key: string): Promise<void> | null;
}

export function createDeviceAsks(link: GatewayLink): DeviceAsks {
  const asked = new Map<string, { connections: number; readonly announcement: Announcement }>();
  return {
    begin(key) {
      const known = asked.get(key);
      if (known === undefined) asked.set(key, { connections: 1, announcement: link.ask(key) });
      else known.connections++;
    },
    cease(key) {
      const known = asked.get(key);
      if (known === undefined || --known.connections > 0) return;
      asked.delete(key);
      known.announcement.end();
    },
    heard: (key) => asked.get(key)?.announcement.heard ?? null,
  };
}
