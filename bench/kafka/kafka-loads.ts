import { HEADER } from "../../core/record.ts";
import { cpuSecondsOf } from "../process-tree.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { Header, RecordInput } from "../../core/record.ts";

export const PARTITIONS = 8;
export const BATCH_RECORDS = 1000;
const T0 = 1_700_000_000_000;
/** A record of about 200 bytes, as producers' benchmarks have it. */
const PLAIN_BYTES = 180;

/** Per CPU-second of this process, and per second. */
export interface Rate {
  readonly perCpuSecond: number;
  readonly perSecond: number;
}

/** `count` is what `work` returns. */
export async function rateOf(work: () => Promise<number>): Promise<Rate> {
  const cpu = process.cpuUsage();
  const begun = performance.now();
  const count = await work();
  const seconds = (performance.now() - begun) / 1000;
  return { perCpuSecond: count / cpuSecondsOf(process.cpuUsage(cpu)), perSecond: count / seconds };
}

/** Records without headers. */
export function plainRecords(): RecordInput[] {
  const value = new Uint8Array(PLAIN_BYTES).fill(65);
  return Array.from({ length: BATCH_RECORDS }, (_, index) => {
    return { timestamp: T0 + index, key: `default/device-${index % 50}`, value, headers: [] };
  });
}

/** Messages as the edge admits them: six metrics, eight headers. `from` counts messages, a second of event time apart per device. */
export function telemetryRecords(from: number, devices = 50): RecordInput[] {
  return Array.from({ length: BATCH_RECORDS }, (_, index) => {
    const number = from + index;
    const device = `device-${number % devices}`;
    const ts = T0 + Math.floor(number / devices) * 1000;
    const metrics = { a: number % 100, b: 21.5 + (number % 7) / 10, c: 1013.25, d: 0.5, e: 12, f: number };
    const headers: Header[] = [
      [HEADER.mqttTopic, "v1/devices/me/telemetry"],
      [HEADER.qos, "1"],
      [HEADER.dup, "0"],
      [HEADER.packetId, String(number % 65_536)],
      [HEADER.clientId, device],
      [HEADER.principal, `device:${device}`],
      [HEADER.format, "tb-json"],
      [HEADER.admissionId, `bench.1.${number}`],
    ];
    const value = Buffer.from(JSON.stringify({ ts, values: metrics }));
    return { timestamp: ts, key: `default/${device}`, value, headers };
  });
}

/** Appends `total` records, one batch per partition under way. */
export async function produce(
  append: (partition: number, records: readonly RecordInput[]) => Promise<unknown>,
  records: readonly RecordInput[],
  total: number,
): Promise<number> {
  let sent = 0;
  const feed = async (partition: number): Promise<void> => {
    while (sent < total) {
      sent += records.length;
      await append(partition, records);
    }
  };
  await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => feed(partition)));
  return sent;
}

/** Reads `total` records of the topic. */
export async function fetchAll(log: EventLog, topic: string, total: number): Promise<number> {
  const positions = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition, offset: 0 }));
  const reader = log.openReader(positions);
  let count = 0;
  while (count < total) {
    const slices = await reader.poll({ bytesMax: 4 * 1024 * 1024, waitMs: 5000 });
    if (slices.length === 0) throw new Error(`${topic} ends after ${count} of ${total} records`);
    for (const { records } of slices) count += records.length;
  }
  reader.close();
  return count;
}
