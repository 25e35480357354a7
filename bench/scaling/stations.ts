import { LIMITS } from "../../core/limits.ts";
import { busiestShare, type Installation } from "./installation.ts";

/**
 * Something that collects messages for a while, works them as one batch, and passes them on when all are done: a gateway with its group commits, a thread
 * with its units, the sink with its inserts.
 */
export interface StationKind {
  readonly role: "gateway" | "processors" | "sink";
  readonly count: number;
  /** Of all messages of the installation, at the busiest one. */
  readonly busiestShare: number;
  /** Of the n-th one. */
  shareOf(index: number): number;
  readonly secondsPerMessage: number;
  /** Between two batches. */
  readonly lingerSeconds: number;
  /** A batch of so many does not wait any longer. */
  readonly batchMax: number;
}

export interface Expected {
  readonly utilisation: number;
  /** Mean, from when a message has come to the station until it is passed on; Infinity when more comes than it can do. */
  readonly lagSeconds: number;
}

/** Path of a message from the device to the tables. */
export function stationsOf(installation: Installation): readonly StationKind[] {
  const { fleet, gateways, partitions, processorThreads: threads } = installation;
  const { gatewaySeconds, stageSeconds, sinkSeconds } = installation;
  return [
    {
      role: "gateway",
      count: gateways,
      busiestShare: 1 / gateways,
      shareOf: () => 1 / gateways,
      secondsPerMessage: gatewaySeconds,
      lingerSeconds: LIMITS.lingerMsMax / 1000,
      batchMax: Infinity,
    },
    {
      role: "processors",
      count: threads,
      busiestShare: busiestShare(partitions, threads),
      // Partitions are dealt out in turn: the first threads have one more.
      shareOf: (index) => (Math.floor(partitions / threads) + (index < partitions % threads ? 1 : 0)) / partitions,
      secondsPerMessage: stageSeconds,
      lingerSeconds: LIMITS.unitIdleMs / 1000,
      batchMax: Infinity,
    },
    {
      role: "sink",
      count: 1,
      busiestShare: 1,
      shareOf: () => 1,
      secondsPerMessage: sinkSeconds,
      lingerSeconds: LIMITS.insertLingerMs / 1000,
      batchMax: LIMITS.insertRowsMax / fleet.metrics,
    },
  ];
}

/**
 * The busiest station of a kind. A batch is what came during the pause and the work on the batch before: a cycle c = linger + ρ·c, or what the
 * largest batch takes to come. A message waits half a cycle, and then for its whole batch.
 */
export function expectedOf(kind: StationKind, peakPerSecond: number): Expected {
  const rate = peakPerSecond * kind.busiestShare;
  const utilisation = rate * kind.secondsPerMessage;
  if (utilisation >= 1) return { utilisation, lagSeconds: Infinity };
  const cycle = Math.min(kind.lingerSeconds / (1 - utilisation), kind.batchMax / rate);
  return { utilisation, lagSeconds: cycle * (0.5 + utilisation) };
}
