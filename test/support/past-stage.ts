import { aggregateSchema } from "../../core/derived-records.ts";
import { isReading } from "../../core/is-reading.ts";
import { parseJson } from "../../core/parse-json.ts";
import { HEADER, isControlRecord, type LogRecord, type RecordInput } from "../../core/record.ts";
import { parseSourcePosition } from "../../core/source-position.ts";
import { FUNCTIONS_STAGE, stageJournalName } from "../../core/stage.ts";
import { createStagePartition, type StagePartition } from "../../engine/stage-partition.ts";
import { scanLog } from "../../log/scan-log.ts";
import { createMemoryEventLog, type MemoryEventLog } from "./memory-event-log.ts";
import type { ControlRecord } from "../../core/control.ts";
import type { LoadFunctions } from "../../engine/stage-functions.ts";

const JOURNAL = { name: stageJournalName(FUNCTIONS_STAGE.name), partition: 0 };

/** A log of one partition in memory, and the live stage of users' functions on it. */
export class PastStage {
  readonly log: MemoryEventLog = createMemoryEventLog({ partitionCount: 1 });
  private readonly live: StagePartition;
  private next = 0;
  private made = 0;

  constructor(load: LoadFunctions) {
    this.live = createStagePartition({ stage: FUNCTIONS_STAGE, partition: 0, generation: 1, load });
  }

  /** As the main stage would. */
  reading(device: string, ts: number, received: number, x: number): void {
    this.made += 1;
    const value = { v: 1, tenant: "t", device, ts, received, metrics: { x } };
    this.append(received, `t/${device}`, value, [[HEADER.source, `main telemetry 0 1 ${this.made} 0 0`]]);
  }

  control(timestamp: number, control: ControlRecord): void {
    this.append(timestamp, null, control, [[HEADER.controlKind, control.kind]]);
  }

  /** The live stage runs what has come. */
  async run(): Promise<void> {
    const outputs: [string, RecordInput][] = [];
    const take = (): void => {
      for (const [topic, some] of this.live.seal()?.outputs ?? []) for (const one of some) outputs.push([topic, one]);
    };
    for (const record of await this.records("readings", this.next)) {
      while (!this.live.process(record)) take();
      this.next = record.offset + 1;
    }
    take();
    for (const [topic, record] of outputs) this.log.appendNow(topic, 0, [record]);
    const { epoch } = await this.log.claim(JOURNAL);
    const positions = [{ topic: "readings", partition: 0, offset: this.next }];
    const entry = { kind: "snapshot", complete: true, positions, nextTimer: null, body: new Uint8Array() } as const;
    await this.log.commit({ journal: JOURNAL, epoch, entry, outputs: [] });
  }

  async records(topic: "readings" | "aggregates", from = 0): Promise<readonly LogRecord[]> {
    const { partitions } = await this.log.status();
    const end = partitions.find((one) => one.topic === topic)?.endOffset ?? 0;
    const found: LogRecord[] = [];
    await scanLog(this.log, [{ topic, partition: 0, offset: from, end }], (record) => {
      found.push(record);
      return undefined;
    });
    return found;
  }

  private append(timestamp: number, key: string | null, value: object, headers: RecordInput["headers"]): void {
    this.log.appendNow("readings", 0, [{ timestamp, key, value: Buffer.from(JSON.stringify(value)), headers }]);
  }
}

/** What the tables hold of a function, as texts: its readings and the last revision of its windows. */
export function tableOf(
  fn: string,
  { readings, aggregates }: { readonly readings: readonly LogRecord[]; readonly aggregates: readonly LogRecord[] },
): readonly string[] {
  const rows = new Map<string, string>();
  const windows = new Map<string, { readonly version: readonly [number, number]; readonly text: string | null }>();
  const own = (record: LogRecord): boolean =>
    !isControlRecord(record) && record.header(HEADER.functionVersion)?.startsWith(`${fn}@`) === true;
  for (const record of readings.filter(own)) {
    const reading = parseJson(record.value);
    if (!isReading(reading)) throw new Error("no reading");
    rows.delete(record.header(HEADER.replaces) ?? "");
    const text = `${record.key} ${reading.ts} ${JSON.stringify(reading.metrics)}`;
    if (Object.keys(reading.metrics).length > 0) rows.set(record.header(HEADER.source) ?? "", text);
  }
  for (const record of aggregates.filter(own)) {
    const { metric, start, size, revision, count, sum } = aggregateSchema.parse(parseJson(record.value));
    const { generation = 0 } = parseSourcePosition(record.header(HEADER.source) ?? "") ?? {};
    const id = `${record.key} ${metric} ${start} ${size}`;
    const [knownGeneration, knownRevision] = windows.get(id)?.version ?? [-1, -1];
    if ((knownGeneration - generation || knownRevision - revision) > 0) continue;
    windows.set(id, { version: [generation, revision], text: count === 0 ? null : `${id} ${count} ${sum}` });
  }
  const told = [...windows.values()].flatMap(({ text }) => text ?? []);
  return [...rows.values(), ...told].toSorted();
}
