import { HEADER, type LogRecord, type RecordInput } from "../../core/record.ts";
import { MAIN_STAGE, stageJournalName } from "../../core/stage.ts";
import { createStagePartition, type StagePartition } from "../../engine/stage-partition.ts";
import { scanLog } from "../../log/scan-log.ts";
import { mainStage } from "../../processors/main-stage.ts";
import { createMemoryEventLog, type MemoryEventLog } from "./memory-event-log.ts";
import type { ControlRecord } from "../../core/control.ts";
import type { TopicName } from "../../core/topics.ts";

const JOURNAL = { name: stageJournalName(MAIN_STAGE), partition: 0 };

/** A log of one partition in memory, and the live main stage on it. */
export class PastMainStage {
  readonly log: MemoryEventLog = createMemoryEventLog({ partitionCount: 1 });
  private readonly live: StagePartition = createStagePartition({ stage: mainStage, partition: 0, generation: 1 });
  private next = 0;

  message(
    device: string,
    received: number,
    readings: readonly { readonly ts: number; readonly values: object }[],
  ): void {
    this.append(received, `t/${device}`, readings, []);
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
    for (const record of await this.records("telemetry", this.next)) {
      while (!this.live.process(record)) take();
      this.next = record.offset + 1;
    }
    take();
    for (const [topic, record] of outputs) this.log.appendNow(topic, 0, [record]);
    const { epoch } = await this.log.claim(JOURNAL);
    const positions = [{ topic: "telemetry", partition: 0, offset: this.next }];
    const entry = { kind: "snapshot", complete: true, positions, nextTimer: null, body: new Uint8Array() } as const;
    await this.log.commit({ journal: JOURNAL, epoch, entry, outputs: [] });
  }

  async records(topic: TopicName, from?: number): Promise<readonly LogRecord[]> {
    const { partitions } = await this.log.status();
    const { startOffset = 0, endOffset: end = 0 } = partitions.find((one) => one.topic === topic) ?? {};
    const found: LogRecord[] = [];
    await scanLog(this.log, [{ topic, partition: 0, offset: from ?? startOffset, end }], (record) => {
      found.push(record);
      return undefined;
    });
    return found;
  }

  private append(timestamp: number, key: string | null, value: object, headers: RecordInput["headers"]): void {
    this.log.appendNow("telemetry", 0, [{ timestamp, key, value: Buffer.from(JSON.stringify(value)), headers }]);
  }
}
