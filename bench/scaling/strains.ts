import { LIMITS } from "../../core/limits.ts";
import { busiestShare, planInstallation, type Installation, type Luck } from "./installation.ts";
import type { Costs } from "./measured-costs.ts";
import type { Fleet } from "./fleet.ts";

/** What one installation has once, or no more than so many of. */
export const STRAINED = ["sink", "hub", "processors", "functions", "gateways"] as const;
export type Strained = (typeof STRAINED)[number];

/**
 * How much of each ceiling of an installation is used at the peak: 1 is the utilisation that is aimed at, or all of what there may be. Above 1 it
 * does not fit into one installation.
 */
export function strainsOf(installation: Installation): Readonly<Record<Strained, number>> {
  const { fleet, peakPerSecond, sinkSeconds, hubSeconds } = installation;
  const busy = (seconds: number): number => (peakPerSecond * seconds) / fleet.utilisation;
  const { partitions, processorThreads, functionThreads, stageSeconds, functionSeconds } = installation;
  const share = (threads: number): number => (threads === 0 ? 0 : busiestShare(partitions, threads));
  return {
    sink: busy(sinkSeconds),
    hub: busy(hubSeconds),
    processors: Math.max(
      processorThreads / LIMITS.partitionsMax,
      busy(stageSeconds * share(processorThreads)) > 1 ? busy(stageSeconds) / LIMITS.partitionsMax : 0,
    ),
    functions: Math.max(
      functionThreads / LIMITS.partitionsMax,
      fleet.functionShare * busy(functionSeconds * share(functionThreads)) > 1
        ? (fleet.functionShare * busy(functionSeconds)) / LIMITS.partitionsMax
        : 0,
    ),
    gateways: installation.gateways / LIMITS.gatewaysMax,
  };
}

/** What is used most, and how much of it. */
export function mostStrained(installation: Installation): { readonly what: Strained; readonly strain: number } {
  const strains = strainsOf(installation);
  const what = STRAINED.reduce((most, one) => (strains[one] > strains[most] ? one : most));
  return { what, strain: strains[what] };
}

/** A fleet in as few installations as hold it, each with its share of the devices. */
export interface Plan {
  readonly installations: number;
  readonly each: Installation;
}

export function planFleet(fleet: Fleet, costs: Costs, luck: Luck = "mid"): Plan {
  for (let installations = 1; ;) {
    const each = planInstallation({ ...fleet, devices: Math.ceil(fleet.devices / installations) }, costs, luck);
    const { strain } = mostStrained(each);
    if (strain <= 1) return { installations, each };
    installations = Math.max(installations + 1, Math.floor(installations * strain));
  }
}

/** The most devices of which one installation's `what` is not used up. */
export function devicesUpTo(what: Strained, fleet: Fleet, costs: Costs, luck: Luck): number {
  const fits = (devices: number): boolean => strainsOf(planInstallation({ ...fleet, devices }, costs, luck))[what] <= 1;
  let [least, most] = [1, 2];
  while (fits(most)) [least, most] = [most, most * 2];
  while (most - least > least / 1000 && most - least > 1) {
    const middle = Math.floor((least + most) / 2);
    if (fits(middle)) least = middle;
    else most = middle;
  }
  return least;
}
