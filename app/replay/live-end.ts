import { controlSchema } from "../../core/control.ts";
import { parseJson } from "../../core/parse-json.ts";
import { HEADER, type LogRecord } from "../../core/record.ts";
import { FUNCTIONS_STAGE, stageJournalName } from "../../core/stage.ts";
import type { LogStatus, TopicPartition } from "../../core/event-log.ts";

/** What a control record has said last of the function in a stage. */
interface Told {
  readonly offset: number;
  readonly removed: boolean;
}

export interface LiveEndOptions {
  readonly fn: string;
  /** Where it runs, by the registry. */
  readonly stage: string;
  readonly journals: LogStatus["journals"];
  readonly partition: number;
  /** Of `readings`: it ends there when no stage has begun. */
  readonly end: number;
}

/**
 * Up to where all has been made live that a function makes of a partition of `readings`. That is the position of its stage, and while it
 * moves, that of the stage which it leaves too: until that one has come to where the function was taken from it.
 */
export class LiveEnd {
  private readonly options: LiveEndOptions;
  private readonly told = new Map<string, Told>();

  constructor(options: LiveEndOptions) {
    this.options = options;
  }

  /** Of all records of the partition, in their order. */
  note(record: LogRecord): void {
    if (record.header(HEADER.controlKind) !== "deploy") return;
    const control = controlSchema.safeParse(parseJson(record.value)).data;
    if (control?.kind !== "deploy" || control.function.name !== this.options.fn) return;
    this.told.set(control.stage, { offset: record.offset, removed: control.removed });
  }

  /** The first offset of which something may still be made. */
  offset(): number {
    const { stage: own, end } = this.options;
    let least = this.positionOf(own) ?? Infinity;
    for (const [stage, { offset, removed }] of this.told) {
      const position = this.positionOf(stage);
      if (position !== undefined && (!removed || position <= offset)) least = Math.min(least, position);
    }
    return least === Infinity ? end : least;
  }

  private positionOf(stage: string): number | undefined {
    const { journals, partition } = this.options;
    return positionOf(journals, { stage, topic: FUNCTIONS_STAGE.input, partition });
  }
}

/** The first offset of its input that a stage has not worked; undefined when it has not begun. */
export function positionOf(
  journals: LogStatus["journals"],
  { stage, topic, partition }: TopicPartition & { readonly stage: string },
): number | undefined {
  const name = stageJournalName(stage);
  const journal = journals.find((one) => one.name === name && one.partition === partition);
  return journal?.positions.find((one) => one.topic === topic)?.offset;
}
