import { isCanaryName } from "../core/canary.ts";
import { parseDeviceKey } from "../core/ids.ts";
import { UNKNOWN_ID, deadLetterOutput, engineIdentity, type DeadLetterInput } from "./dead-letter.ts";
import type { LogRecord } from "../core/record.ts";
import type { PartitionParts } from "./partition-parts.ts";
import type { StepFailure } from "./step-failure.ts";

export type DeviceIds = Pick<DeadLetterInput, "tenant" | "device">;

/** What became a dead letter. */
export type LetterSource = Pick<DeadLetterInput, "received" | "record" | "timer">;

/** Writes the dead letters of a partition. */
export class DeadLetters {
  private readonly parts: PartitionParts;
  /** So far. Not those of canaries: where one fails, the live version has taken the record, and nothing is to be held up. */
  made = 0;

  constructor(parts: PartitionParts) {
    this.parts = parts;
  }

  /** Of a record that did not get as far as a function. */
  refuse(record: LogRecord, name: string, error: unknown): void {
    const ids = parseDeviceKey(record.key ?? "") ?? { tenant: UNKNOWN_ID, device: UNKNOWN_ID };
    this.write(ids, { by: engineIdentity(name), error }, { received: record.timestamp, record }, record.offset);
  }

  /** `offset`: of the record that is run. */
  write({ tenant, device }: DeviceIds, { by, error }: StepFailure, what: LetterSource, offset: number): void {
    const { stage, partition, outputs } = this.parts;
    if (!isCanaryName(by.function)) this.made += 1;
    const source = { topic: stage.input, partition, offset };
    outputs.push(deadLetterOutput({ ...by, error, ...what, tenant, device, source }));
  }
}
