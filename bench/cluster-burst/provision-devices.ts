import type { FleetDevice } from "../../test/faults/fleet.ts";
import type { InstanceApi } from "../../test/support/replay-run.ts";

/**
 * Its windows are over soon after the last message. With the hour that late data has by default a window waits so long, and keeps a processor
 * for it, as every timer does.
 */
const TYPE = { windowMs: [10_000], allowedLatenessMs: 0, idleMs: 5000 };

export async function provisionDevices(api: InstanceApi, count: number): Promise<FleetDevice[]> {
  await api.put("/types/brief", TYPE);
  const devices: FleetDevice[] = [];
  for (let index = 0; index < count; index += 1) {
    const id = `device-${index}`;
    const { token } = await api.create<{ token: string }>("/devices", { id, type: "brief" });
    devices.push({ id, token });
  }
  return devices;
}
