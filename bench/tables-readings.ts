import { deviceKey } from "../core/ids.ts";
import { partitionOf } from "../core/partitioner.ts";
import { HEADER, type RecordInput } from "../core/record.ts";
import { formatSourcePosition } from "../core/source-position.ts";
import type { EmbeddedLog } from "../log/embedded/open-embedded-log.ts";

export const METRICS = 6;
/** Records of one append. */
const CHUNK = 2000;
const STEP = 30;
const START = Date.UTC(2026, 0, 1);

interface ReadingsShape {
  /** Event time of the first round, UTC ms. */
  readonly start: number;
  /** Between two messages of a device. */
  readonly stepMs: number;
  /** A thousand different values of each metric, of the record's place in its partition: 0 to 999. */
  readonly noise: (offset: number, partition: number) => number;
}

const SHAPE: ReadingsShape = { start: START, stepMs: 1000, noise: (offset) => (offset * 7919) % 1000 };

/** Fills `readings` of a log as the stage would: a round is one message of six numbers from each device, `stepMs` after the one before. */
export function createReadings(log: EmbeddedLog, devices: number, shape: Partial<ReadingsShape> = {}) {
  const { start, stepMs, noise } = { ...SHAPE, ...shape };
  const offsets = Array.from({ length: log.partitionCount }, () => 0);
  const prepared = new Map<number, RecordInput[]>();
  let rounds = 0;
  const make = (count: number): Map<number, RecordInput[]> => {
    const made = new Map<number, RecordInput[]>();
    for (const end = rounds + count; rounds < end; rounds += 1) {
      for (let device = 0; device < devices; device += 1) {
        const id = `sensor-${String(device).padStart(5, "0")}`;
        const partition = partitionOf(deviceKey("default", id), log.partitionCount);
        const offset = offsets[partition] ?? 0;
        offsets[partition] = offset + 1;
        const records = made.get(partition) ?? [];
        const at = start + rounds * stepMs + (device % 1000);
        records.push(record(id, partition, offset, at, noise(offset, partition)));
        made.set(partition, records);
      }
    }
    return made;
  };
  const append = async (all: ReadonlyMap<number, RecordInput[]>): Promise<void> => {
    const appends = [...all].flatMap(([partition, records]) => {
      const chunks: Promise<number>[] = [];
      for (let at = 0; at < records.length; at += CHUNK)
        chunks.push(log.append("readings", partition, records.slice(at, at + CHUNK)));
      return chunks;
    });
    await Promise.all(appends);
  };
  return {
    /** Event time up to which it has made some. */
    until: () => start + rounds * stepMs,
    /** In steps that fit in the log's queue. */
    async append(count: number) {
      for (let done = 0; done < count; done += STEP) await append(make(Math.min(STEP, count - done)));
    },
    /** Makes them and keeps them, so that only the append is left. */
    async prepare(count: number) {
      for (const [partition, records] of make(count)) prepared.set(partition, records);
    },
    async appendPrepared() {
      for (const [partition, records] of prepared) await append(new Map([[partition, records]]));
      prepared.clear();
    },
  };
}

function record(device: string, partition: number, offset: number, ts: number, noise: number): RecordInput {
  const metrics = {
    temperature: 20 + noise / 100,
    humidity: 50 + (noise % 300) / 10,
    pressure: 1013 - noise / 250,
    vibration: noise / 1000,
    current: 4 + (noise % 77) / 100,
    cycles: offset,
  };
  const source = { stage: "main", topic: "telemetry", partition, generation: 1, offset, step: 0, index: 0 };
  return {
    timestamp: ts,
    key: deviceKey("default", device),
    value: Buffer.from(JSON.stringify({ v: 1, tenant: "default", device, ts, received: ts + 5, metrics })),
    headers: [
      [HEADER.source, formatSourcePosition(source)],
      [HEADER.functionVersion, "clean@1"],
    ],
  };
}
