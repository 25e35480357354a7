import { setTimeout as delay } from "node:timers/promises";
import { latencyOf, type Latency } from "../statistics.ts";
import { forwardFigure } from "../../test/forward-cuts/forward-progress.ts";
import { mappedLogMegabytes, processMemory, type ProcessMemory } from "./memory-shares.ts";
import type { Side } from "../../test/forward-cuts/forward-pair.ts";

/** What the edge took at the end of a stretch of time. MB are 1,000 kB of /proc. */
export interface EdgeSample extends ProcessMemory {
  /** idle, load, burst, no link. */
  readonly phase: string;
  /** Since the load began; 0 before. */
  readonly minute: number;
  /** The most that was resident at any look since the sample before. */
  readonly most: ProcessMemory;
  /** Of the log's map. */
  readonly mappedLog: number;
  /** Bytes in use in the log. */
  readonly logBytes: number;
  /** Acknowledged in this stretch. */
  readonly messages: number;
  readonly seconds: number;
  /** From a publish by MQTT with QoS 1 to its PUBACK, ms. */
  readonly puback: Latency;
}

const LOOK_EVERY_MS = 1000;

/** Looks at the edge once a second, and keeps what was acknowledged since the sample before. */
export class EdgeSampler {
  readonly samples: EdgeSample[] = [];
  private readonly edge: Side;
  private messages = 0;
  private pubacks: number[] = [];
  private loadBegun: number | null = null;

  constructor(edge: Side) {
    this.edge = edge;
  }

  beginLoad(): void {
    this.loadBegun = performance.now();
  }

  noteAcknowledged(way: string, ms: number): void {
    this.messages += 1;
    if (way === "mqtt") this.pubacks.push(ms);
  }

  /** Resolves after `seconds` with what was found; throws when the edge has ended meanwhile. */
  async sample(phase: string, seconds: number): Promise<EdgeSample> {
    const begun = performance.now();
    let most: ProcessMemory = { resident: 0, anonymous: 0, files: 0 };
    do {
      await delay(Math.max(0, Math.min(LOOK_EVERY_MS, begun + seconds * 1000 - performance.now())));
      const found = processMemory(pidOf(this.edge));
      if (found.resident > most.resident) most = found;
    } while (performance.now() - begun < seconds * 1000);
    const pid = pidOf(this.edge);
    const sample: EdgeSample = {
      phase,
      minute: this.loadBegun === null ? 0 : Math.round((performance.now() - this.loadBegun) / 6000) / 10,
      ...processMemory(pid),
      most,
      mappedLog: mappedLogMegabytes(pid),
      logBytes: await forwardFigure(this.edge, "millrace_log_bytes"),
      messages: this.messages,
      seconds: (performance.now() - begun) / 1000,
      puback: latencyOf(this.pubacks),
    };
    this.messages = 0;
    this.pubacks = [];
    this.samples.push(sample);
    return sample;
  }
}

export function pidOf({ instance }: Side): number {
  if (instance === null || instance.hasEnded())
    throw new Error(`the edge has ended: ${instance?.stderr().split("\n").slice(-20).join("\n") ?? ""}`);
  return instance.pid;
}

export const SAMPLE_HEADINGS = [
  "phase",
  "minute",
  "resident",
  "the most",
  "RssAnon",
  "RssFile",
  "of it the log",
  "log in use",
  "messages/s",
  "PUBACK p50",
  "p99",
] as const;

export function sampleCells(sample: EdgeSample): string[] {
  const { resident, most, anonymous, files, mappedLog, logBytes } = sample;
  const megabytes = [resident, most.resident, anonymous, files, mappedLog, logBytes / 1e6].map((value) =>
    value.toFixed(0),
  );
  const { puback } = sample;
  const pubacks = puback.count === 0 ? ["", ""] : [puback.p50.toFixed(1), puback.p99.toFixed(1)];
  return [sample.phase, String(sample.minute), ...megabytes, (sample.messages / sample.seconds).toFixed(0), ...pubacks];
}
