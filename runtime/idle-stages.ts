import { begunStages } from "../core/functions-stage.ts";
import { LIMITS } from "../core/limits.ts";
import { stageJournalName } from "../core/stage.ts";
import type { Clock } from "../core/clock.ts";
import type { LogInspector, LogStatus, TopicPosition } from "../core/event-log.ts";
import type { Logger } from "../core/logger.ts";
import type { StageDefinition } from "../core/stage.ts";
import type { FunctionsStages } from "./functions-stages.ts";

export interface IdleStagesOptions {
  readonly log: LogInspector;
  readonly stages: FunctionsStages;
  /** Names in the log of the stages in which functions run. */
  readonly live: () => Promise<ReadonlySet<string>>;
  /** Monotonic milliseconds. */
  readonly monotonic: Clock;
  readonly logger: Logger;
}

interface Ending {
  /** The ends of its input when it was found without functions: what lies before is still theirs. */
  readonly ends: readonly TopicPosition[];
  readonly since: number;
}

const LOOK_MS = 1000;

/**
 * Ends stages of users' functions in which none runs any more, when they have worked what came before; or have had their time for it, so that a
 * stage that stands still does not keep the log from being deleted for ever.
 */
export class IdleStages {
  private readonly options: IdleStagesOptions;
  private readonly ending = new Map<string, Ending>();
  private lookedAt = -Infinity;

  constructor(options: IdleStagesOptions) {
    this.options = options;
  }

  /** To be called again and again, when all that was said of functions is in the log; a look is made once a second. */
  async look(): Promise<void> {
    const { log, live, monotonic } = this.options;
    if (monotonic.now() - this.lookedAt < LOOK_MS) return;
    this.lookedAt = monotonic.now();
    const status = await log.status();
    const begun = begunStages(status);
    const used = begun.length === 0 ? new Set() : await live();
    const idle = begun.filter(({ name }) => !used.has(name));
    for (const name of this.ending.keys()) if (!idle.some((stage) => stage.name === name)) this.ending.delete(name);
    for (const stage of idle) await this.settle(stage, status);
  }

  private async settle({ name, input }: StageDefinition, status: LogStatus): Promise<void> {
    const { monotonic, stages, logger } = this.options;
    const ends = status.partitions
      .filter(({ topic }) => topic === input)
      .map(({ topic, partition, endOffset }) => ({ topic, partition, offset: endOffset }));
    const ending = this.ending.get(name) ?? { ends, since: monotonic.now() };
    this.ending.set(name, ending);
    const isDone = hasReached(status, name, ending.ends);
    if (!isDone && monotonic.now() - ending.since < LIMITS.functionStageEndMsMax) return;
    await stages.end(name);
    this.ending.delete(name);
    const text = isDone
      ? "no function runs in the stage any more: it has ended"
      : "no function runs in the stage any more, and it does not come to the end of its input: it was ended before";
    logger.info({ stage: name }, text);
  }
}

function hasReached({ journals }: LogStatus, stage: string, ends: readonly TopicPosition[]): boolean {
  const name = stageJournalName(stage);
  const own = journals.filter((journal) => journal.name === name).flatMap(({ positions }) => positions);
  return ends.every(({ partition, offset }) => own.some((at) => at.partition === partition && at.offset >= offset));
}
