import { setImmediate as nextTurn } from "node:timers/promises";
import { madeControlRecord } from "../../core/made-record.ts";
import { isControlRecord } from "../../core/record.ts";
import { parseJson } from "../../core/parse-json.ts";
import { isReading } from "../../core/is-reading.ts";
import { createStagePartition } from "../../engine/stage-partition.ts";
import type { ControlRecord } from "../../core/control.ts";
import type { Reading } from "../../core/derived-records.ts";
import type { LogRecord } from "../../core/record.ts";
import type { StageDefinition } from "../../core/stage.ts";
import type { TopicName } from "../../core/topics.ts";
import type { StagePartition, UnitDraft } from "../../engine/stage-partition.ts";
import type { ExplainedMessage } from "../../core/why.ts";

/** What one record did when it was run again. */
export interface AgainStep {
  readonly record: LogRecord;
  readonly outcome: ExplainedMessage["outcome"] | null;
  readonly outputs: readonly { readonly topic: TopicName; readonly value: unknown }[];
  readonly readings: readonly Reading[];
  /** Slots of the function for the device, before and after. */
  readonly before: Readonly<Record<string, unknown>>;
  readonly after: Readonly<Record<string, unknown>>;
}

export interface RunAgain {
  readonly stage: StageDefinition;
  readonly partition: number;
  readonly key: string;
  /** Whose state is shown. */
  readonly function: string;
  /** What held before the first record; null when that is the log's first, which has told everything itself. */
  readonly configuration: ControlRecord | null;
}

/** About as many as run in the time of a poll. */
const RECORDS_A_TURN = 500;

const OUTCOMES = ["duplicate", "quarantined", "deadLettered", "processed"] as const;

/**
 * Runs records of one device, and the control records between them, through the stage's engine once more. The engine keeps devices apart,
 * and fires what time has made due before each record, so the other devices' records are not missed.
 * Lets others have the thread in between.
 */
export async function runAgain(records: readonly LogRecord[], again: RunAgain): Promise<AgainStep[]> {
  const { stage, partition, configuration } = again;
  const state = createStagePartition({ stage, partition, generation: 0 });
  const run = new KeyRun(state, again);
  const [first] = records;
  // The engine takes offsets in order: the record in front of the first one stands where the log has another.
  if (configuration !== null && first !== undefined && first.offset > 0) {
    run.step(madeControlRecord(first.offset - 1, first.timestamp, configuration));
  }
  const steps: AgainStep[] = [];
  for (const record of records) {
    if (steps.length % RECORDS_A_TURN === 0) await nextTurn();
    steps.push(run.step(record));
  }
  return steps;
}

class KeyRun {
  private readonly state: StagePartition;
  private readonly again: RunAgain;
  private slots: Readonly<Record<string, unknown>> = {};

  constructor(state: StagePartition, again: RunAgain) {
    this.state = state;
    this.again = again;
  }

  step(record: LogRecord): AgainStep {
    const before = this.slots;
    const drafts: UnitDraft[] = [];
    while (!this.state.process(record)) this.take(drafts);
    this.take(drafts);
    const outputs = drafts.flatMap((draft) => {
      return [...draft.outputs].flatMap(([topic, some]) =>
        some.filter(({ key }) => key === this.again.key).map(({ value }) => ({ topic, value: parseJson(value) })),
      );
    });
    const readings = outputs.flatMap(({ topic, value }) => (topic === "readings" && isReading(value) ? [value] : []));
    const outcome =
      record.key === this.again.key && !isControlRecord(record) ? outcomeOf(drafts, this.again.key) : null;
    return { record, outcome, outputs, readings, before, after: this.slots };
  }

  private take(drafts: UnitDraft[]): void {
    const draft = this.state.seal();
    if (draft === null) return;
    drafts.push(draft);
    const slots: Record<string, unknown> = { ...this.slots };
    for (const { fn, key, name, value } of draft.body.slots) {
      if (fn !== this.again.function || key !== this.again.key) continue;
      if (value === null) delete slots[name];
      else slots[name] = parseJson(value);
    }
    this.slots = slots;
  }
}

function outcomeOf(drafts: readonly UnitDraft[], own: string): ExplainedMessage["outcome"] | null {
  const counted = drafts.flatMap(({ body }) =>
    body.outcomes.filter(([key]) => key === own).map(([, outcomes]) => outcomes),
  );
  return OUTCOMES.find((name) => counted.some((outcomes) => (outcomes[name] ?? 0) > 0)) ?? null;
}
