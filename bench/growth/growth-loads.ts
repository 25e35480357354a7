import { mainStage } from "../../processors/main-stage.ts";
import { configRecord, deviceRecord, stationRule, T0, telemetryRecord } from "../functions/station-records.ts";
import type { AlarmRule } from "../../core/alarm-rule.ts";
import type { RecordInput } from "../../core/record.ts";
import type { FunctionShape, StageLoad } from "../functions/measure-function.ts";

/** What one thread of processors is given, and in which pieces. */
interface GrowthLoad {
  readonly load: StageLoad;
  readonly shape: FunctionShape;
}

/** A way in which an installation grows, at one size of it. `messages`: measured at least. */
interface GrowthCurve {
  readonly what: string;
  /** What the size counts. */
  readonly unit: string;
  readonly sizes: readonly number[];
  at(size: number, messages: number): GrowthLoad;
}

const INTERVAL_MS = 30_000;
const WINDOW_MS = 60_000;
const MESSAGES_PER_WINDOW = WINDOW_MS / INTERVAL_MS;
/** Powers of two, as are the batches: each size is measured over whole windows of all devices, or one would close more of them than another. */
const FLEET = 8192;
const PARTITIONS = 32;
const BATCH = 512;
const UNIT = 1000;
/** Messages of all partitions together between two looks of a thread at them: what comes in a quarter of a second or so. */
const ROUND = 8192;

const RULES_SHAPE = { partitions: PARTITIONS, batch: BATCH, unit: UNIT } as const;

export const CURVE_NAMES = ["devices", "spread", "partitions", "rules", "rulesOfAll", "changes"] as const;
export type CurveName = (typeof CURVE_NAMES)[number];

export const GROWTH_CURVES: Readonly<Record<CurveName, GrowthCurve>> = {
  devices: {
    what: "more devices, all in one partition, so that a unit of 1,000 messages has each device once at most",
    unit: "devices",
    sizes: [1000, 10_000, 30_000, 100_000],
    at: (devices, messages) => ofFleet(fleet(devices), { partitions: 1, batch: UNIT, unit: UNIT }, messages),
  },
  spread: {
    what: "more devices over 32 partitions: a small fleet has each device many times in a unit",
    unit: "devices",
    sizes: [1024, 8192, 32_768],
    at: (devices, messages) => ofFleet(fleet(devices), { partitions: PARTITIONS, batch: BATCH, unit: UNIT }, messages),
  },
  partitions: {
    what: "the same messages over more partitions: units of 8,192 / partitions messages",
    unit: "partitions",
    sizes: [8, 32, 128, 256],
    at: (partitions, messages) => {
      const batch = Math.floor(ROUND / partitions);
      return ofFleet(fleet(FLEET), { partitions, batch, unit: batch }, messages);
    },
  },
  rules: {
    what: "more rules, each for its own devices: one selects each device",
    unit: "rules",
    sizes: [1, 10, 100, 1000],
    at: (rules, messages) => ofFleet(ruledFleet(rules, true), RULES_SHAPE, messages),
  },
  rulesOfAll: {
    what: "more rules, all for every device",
    unit: "rules",
    sizes: [1, 30, 1000],
    at: (rules, messages) => ofFleet(ruledFleet(rules, false), RULES_SHAPE, messages),
  },
  changes: {
    what: "more rules, one of which selects each device, while a device of each partition is changed with every 512 messages in it",
    unit: "rules",
    sizes: [1, 30, 1000],
    at: (rules, messages) =>
      ofFleet({ ...ruledFleet(rules, true), control: changedDevice(rules) }, RULES_SHAPE, messages),
  },
};

/** Warmed up through two windows of each device, and measured over whole ones, so that each size closes as many windows per message. */
function ofFleet(
  load: StageLoad,
  shape: Pick<FunctionShape, "partitions" | "batch" | "unit">,
  messages: number,
): GrowthLoad {
  const cycle = Math.max(load.devices * MESSAGES_PER_WINDOW, shape.partitions * (shape.batch ?? UNIT));
  const whole = (least: number): number => Math.ceil(least / cycle) * cycle;
  return { load, shape: { ...shape, warmUp: Math.max(2 * cycle, whole(messages / 2)), messages: whole(messages) } };
}

const TWO_RULES = [stationRule("hot", "temperature"), stationRule("dust", "pm25")];

function fleet(devices: number, rules: readonly AlarmRule[] = TWO_RULES, groups = 1): StageLoad {
  return {
    stage: mainStage,
    devices,
    config: (isOwn) => configRecord(devices, rules, { isOwn, labels: (device) => groupOf(device, groups) }),
    // Spread evenly over the interval: windows of the fleet do not close all at once.
    record: (index) => telemetryRecord(index, devices, T0 + Math.floor((index * INTERVAL_MS) / devices)),
  };
}

function ruledFleet(rules: number, isOfGroup: boolean): StageLoad {
  const all = Array.from({ length: rules }, (_, index) => {
    return stationRule(`rule-${index}`, "temperature", isOfGroup ? groupOf(index, rules) : null);
  });
  return fleet(FLEET, all, rules);
}

/** Partition by partition another device's labels are written again, with the same meaning for its rules. */
function changedDevice(groups: number): NonNullable<StageLoad["control"]> {
  return (partition, partitions, batches): RecordInput => {
    const share = Math.floor(FLEET / partitions);
    const device = (batches % share) * partitions + partition;
    const receivedAt = T0 + Math.floor((batches * BATCH * INTERVAL_MS) / share);
    const labels = { ...groupOf(device, groups), changed: String(batches) };
    return deviceRecord(device, FLEET, { revision: 2 + batches, receivedAt, labels });
  };
}

function groupOf(index: number, groups: number): Readonly<Record<string, string>> {
  return { group: String(index % groups) };
}
