import { controlSchema, type ControlRecord, type DeviceState } from "../../core/control.ts";
import { deviceKey } from "../../core/ids.ts";
import { madeControlRecord } from "../../core/made-record.ts";
import { parseJson } from "../../core/parse-json.ts";
import { MAIN_STAGE } from "../../core/stage.ts";
import type { LogRecord } from "../../core/record.ts";
import type { ReplayConfiguration } from "./partition-replay.ts";

/** Who has failed on a record that is run again: with a name of the engine's own the whole stage runs it. */
const ALL_FUNCTIONS = "$replay";

/** Whose readings are in the log was let report: whether it may now says nothing of then. */
export function reporting(configuration: ReplayConfiguration): ReplayConfiguration {
  return { ...configuration, devices: configuration.devices.map((device) => ({ ...device, disabled: false })) };
}

/**
 * Control records of `telemetry` for a run under the present configuration: time moves, devices are removed and records run again as they
 * were then; types and what devices are is as of now from the beginning.
 */
export class PresentControls {
  private readonly devices: ReadonlyMap<string, DeviceState>;

  constructor({ devices }: ReplayConfiguration) {
    this.devices = new Map(devices.map((device) => [deviceKey(device.tenant, device.id), device]));
  }

  of(record: LogRecord): LogRecord {
    const control = controlSchema.safeParse(parseJson(record.value)).data;
    if (control?.kind === "tick" || control?.kind === "flush") return record;
    return madeControlRecord(record.offset, record.timestamp, this.presentOf(control) ?? { v: 1, kind: "tick" });
  }

  private presentOf(control: ControlRecord | undefined): ControlRecord | undefined {
    if (control?.kind === "redrive" && control.stage === MAIN_STAGE) return { ...control, function: ALL_FUNCTIONS };
    if (control?.kind !== "device") return undefined;
    const { tenant, id } = control.device;
    const device = this.devices.get(deviceKey(tenant, id)) ?? control.device;
    return control.removed ? control : { ...control, device: { ...device, disabled: false } };
  }
}
