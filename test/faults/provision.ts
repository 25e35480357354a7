import { alarmRuleSchema, type AlarmRule } from "../../core/alarm-rule.ts";
import type { InstanceApi } from "../support/replay-run.ts";
import type { FleetDevice } from "./fleet.ts";

export const TENANT = "default";

/** On what the fleet sends: a wave of amplitude 10 that takes 220 s of event time. */
export const RULES: readonly AlarmRule[] = [
  {
    id: "wave-high",
    condition: { kind: "threshold", metric: "wave", op: ">", value: 5, deadband: 2 },
    onDelayMs: 20_000,
    offDelayMs: 15_000,
  },
  { id: "wave-low", condition: { kind: "threshold", metric: "wave", op: "<", value: -9.5 } },
].map((fields) => alarmRuleSchema.parse({ tenant: TENANT, name: fields.id, severity: "high", ...fields }));

/** Rules first: a rule holds from where it stands in the log. */
export async function provision(api: InstanceApi, count: number): Promise<FleetDevice[]> {
  for (const { tenant: _tenant, ...rule } of RULES) await api.put(`/rules/${rule.id}`, rule);
  const devices: FleetDevice[] = [];
  for (let index = 0; index < count; index += 1) {
    const id = `device-${index}`;
    const { token } = await api.create<{ token: string }>("/devices", { id });
    devices.push({ id, token });
  }
  return devices;
}
