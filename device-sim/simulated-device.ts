import { createEpisodes } from "./episodes.ts";
import { dailyCurve } from "./features/daily-curve.ts";
import { deadSensors } from "./features/dead-sensors.ts";
import { demoDelivery, demoValues, type DemoRoles } from "./features/demo-story.ts";
import { drift } from "./features/drift.ts";
import { duplicates } from "./features/duplicates.ts";
import type {
  DeliveryFeature,
  FeatureContext,
  FeatureName,
  FleetFeatures,
  Parcel,
  Signal,
  SignalFeature,
  Values,
  ValuesFeature,
} from "./features/feature.ts";
import { gaps } from "./features/gaps.ts";
import { lateBatches } from "./features/late-batches.ts";
import { noise } from "./features/noise.ts";
import { spikes } from "./features/spikes.ts";
import type { DeviceProfile, MetricProfile } from "./profiles/profile.ts";
import { createRandom } from "./random.ts";

const SIGNAL_FEATURES: readonly (readonly [FeatureName, SignalFeature])[] = [
  ["dailyCurve", dailyCurve],
  ["drift", drift],
  ["noise", noise],
  ["spikes", spikes],
];

export interface SimulatedDeviceOptions {
  readonly id: string;
  readonly profile: DeviceProfile;
  readonly seed: string;
  readonly features: FleetFeatures;
  readonly demoRoles: DemoRoles;
  readonly startAt: number;
}

/** One device. `tick` is called in growing time, once per sample, and gives the messages that leave at that moment. */
export interface SimulatedDevice {
  tick(at: number): readonly Parcel[];
}

export function createSimulatedDevice(options: SimulatedDeviceOptions): SimulatedDevice {
  const sample = createSampler(options);
  const valuesSteps = valuesFeatures(options);
  const deliverySteps = deliveryFeatures(options);
  return {
    tick(at) {
      const values = valuesSteps.reduce((seen, step) => step(seen, at), sample(at));
      return deliverySteps.reduce((parcels, step) => step(parcels, at), [[{ ts: at, values }]] as readonly Parcel[]);
    },
  };
}

function contextOf(options: SimulatedDeviceOptions, purpose: string): FeatureContext {
  return { random: createRandom(`${options.seed}/${options.id}/${purpose}`), startAt: options.startAt };
}

function createSampler(options: SimulatedDeviceOptions): (at: number) => Values {
  const { profile, startAt } = options;
  const metrics = Object.entries(profile.metrics).map(([name, metric]) => ({
    name,
    metric,
    signals: signalsOf(name, metric, options),
  }));
  const states = Object.entries(profile.states).map(([name, state]) => ({
    name,
    usual: state.usual,
    episodeAt: createEpisodes(contextOf(options, `state/${name}`).random, { ...state, startAt }),
  }));
  return (at) => {
    const numbers = Object.fromEntries(
      metrics.map(({ name, signals }) => [name, signals.reduce((sum, signal) => sum + signal(at), 0)]),
    );
    const flags = Object.fromEntries(
      states.map(({ name, usual, episodeAt }) => [name, episodeAt(at) === null ? usual : !usual]),
    );
    return asShown(profile.combine(numbers, flags), profile);
  };
}

function signalsOf(name: string, metric: MetricProfile, options: SimulatedDeviceOptions): readonly Signal[] {
  const base = metric.base + contextOf(options, `base/${name}`).random.between(-1, 1) * metric.spread;
  const signals: Signal[] = [() => base];
  for (const [feature, make] of SIGNAL_FEATURES) {
    if (options.features[feature]) signals.push(make(metric, contextOf(options, `${feature}/${name}`)));
  }
  return signals;
}

/** The order matters: a sensor dies before its reading is held back or lost, and only what is sent can be sent twice. */
function valuesFeatures(options: SimulatedDeviceOptions): readonly ValuesFeature[] {
  const { id, features, demoRoles, startAt } = options;
  const steps: ValuesFeature[] = [];
  if (features.demo) steps.push(demoValues(id, demoRoles, startAt));
  if (features.deadSensors) steps.push(deadSensors(contextOf(options, "deadSensors")));
  return steps;
}

function deliveryFeatures(options: SimulatedDeviceOptions): readonly DeliveryFeature[] {
  const { id, features, demoRoles, startAt } = options;
  const steps: DeliveryFeature[] = [];
  if (features.gaps) steps.push(gaps(contextOf(options, "gaps")));
  if (features.lateBatches) steps.push(lateBatches(contextOf(options, "lateBatches")));
  if (features.duplicates) steps.push(duplicates(contextOf(options, "duplicates")));
  if (features.demo) steps.push(demoDelivery(id, demoRoles, startAt));
  return steps;
}

/** Within what the sensor can show, with its digits. */
function asShown(values: Values, profile: DeviceProfile): Values {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      const metric = profile.metrics[name];
      if (metric === undefined || typeof value !== "number") return [name, value];
      const scale = 10 ** metric.digits;
      return [name, Math.round(Math.min(metric.max, Math.max(metric.min, value)) * scale) / scale];
    }),
  );
}
