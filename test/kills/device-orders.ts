import { HEADER, isControlRecord } from "../../core/record.ts";
import type { EventLog } from "../../core/event-log.ts";
import type { LogRecord } from "../../core/record.ts";

const FETCH_BYTES = 4 * 1024 * 1024;

/** One device's numbers as they stand in the log. */
interface Order {
  /** Above all that were found. */
  next: number;
  /** Below it and not found. */
  readonly missing: Set<number>;
}

/** Reads telemetry on from where it stopped, and keeps account of every device's numbers, which begin at 0. */
export class DeviceOrders {
  /** Records that had been there before, or that came behind a greater number. */
  repeated = 0;
  disordered = 0;
  /** Partitions that end before where they did: the log has lost what was read. */
  shortened = 0;
  readonly #orders = new Map<string, Order>();
  readonly #read = new Map<number, number>();

  async readOn(log: EventLog): Promise<void> {
    const { partitions } = await log.status();
    for (const { topic, partition, startOffset, endOffset } of partitions) {
      if (topic !== "telemetry") continue;
      const from = this.#read.get(partition) ?? startOffset;
      if (endOffset < from) this.shortened += 1;
      await this.#readPartition(log, partition, from, endOffset);
      this.#read.set(partition, endOffset);
    }
  }

  /** How many of the numbers below `acknowledged` are not in the log. */
  missing(device: string, acknowledged: number): number {
    const { next, missing } = this.#order(device);
    const within = [...missing].filter((n) => n < acknowledged).length;
    return within + Math.max(0, acknowledged - next);
  }

  /** How many numbers from `acknowledged` on are in the log. */
  beyond(device: string, acknowledged: number): number {
    return Math.max(0, this.#order(device).next - acknowledged);
  }

  async #readPartition(log: EventLog, partition: number, from: number, end: number): Promise<void> {
    const reader = log.openReader([{ topic: "telemetry", partition, offset: from }]);
    for (let next = from; next < end;) {
      const [slice] = await reader.poll({ bytesMax: FETCH_BYTES, waitMs: 5000 });
      if (slice === undefined) throw new Error(`telemetry/${partition} ends before ${end}`);
      if (slice.corrupt !== undefined) throw new Error(`telemetry/${partition} is damaged`);
      for (const record of slice.records) if (!isControlRecord(record)) this.#add(record);
      next = slice.nextOffset;
    }
    reader.close();
  }

  #add(record: LogRecord): void {
    const { values }: { values: { n: number } } = JSON.parse(new TextDecoder().decode(record.value));
    const order = this.#order(record.header(HEADER.clientId) ?? "");
    const { n } = values;
    if (n < order.next) {
      if (order.missing.delete(n)) this.disordered += 1;
      else this.repeated += 1;
      return;
    }
    for (let skipped = order.next; skipped < n; skipped += 1) order.missing.add(skipped);
    order.next = n + 1;
  }

  #order(device: string): Order {
    let order = this.#orders.get(device);
    if (order === undefined) {
      order = { next: 0, missing: new Set() };
      this.#orders.set(device, order);
    }
    return order;
  }
}
