import { hasBegun, isFunctionsStage } from "../../core/functions-stage.ts";
import { stageInput, stageJournalName } from "../../core/stage.ts";
import { mainStage } from "../../processors/main-stage.ts";
import { PublishedWork } from "../../runtime/autoscaler/published-work.ts";
import { stageSample } from "../../runtime/autoscaler/stage-sample.ts";
import { lagIn } from "../../runtime/autoscaler/stage-load.ts";
import { stagesOf } from "../stages.ts";
import type { Clock } from "../../core/clock.ts";
import type { ConsumerGroups } from "../../core/consumer-group.ts";
import type { LogStatus } from "../../core/event-log.ts";
import type { StageDefinition } from "../../core/stage.ts";
import type { StageSample } from "../../runtime/autoscaler/scaling-types.ts";

/** How a stage stands whose threads are in other processes. */
export interface StageObservation {
  readonly sample: StageSample;
  /** Processes that take part. */
  readonly pods: number;
  /** Their threads that have partitions. */
  readonly threads: number;
  /** Null: nobody has told. */
  readonly threadsPerPod: number | null;
}

export interface StageObserverOptions {
  readonly status: () => Promise<LogStatus>;
  readonly groups: Pick<ConsumerGroups, "members">;
  readonly partitions: number;
  /** The receive clock: timers are due by it. */
  readonly clock: Clock;
}

/** Looks at one stage again and again. `name` is the stage's in the log. */
export function createStageObserver(name: string, options: StageObserverOptions): () => Promise<StageObservation> {
  const { status: ask, groups, partitions, clock } = options;
  const stage = { name, input: stageInput(name) };
  const work = new PublishedWork();
  return async () => {
    const [status, members] = await Promise.all([ask(), groups.members(stageJournalName(name))]);
    const at = clock.now();
    work.take(status.journals.filter((journal) => journal.name === stageJournalName(name)));
    const sample = heldSample(stage, stageSample(status, stage, work.busySeconds, at), status, partitions);
    const working = members.filter((member) => member.partitions.length > 0);
    const pods = new Set(members.map(({ label }) => label)).size;
    return { sample, pods, threads: working.length, threadsPerPod: work.threads };
  };
}

/**
 * Any timer counts as due: a pod takes longer to come than a timer may be late, so that a stage is not let go before all have fired. One that has
 * not begun has nothing to do, whatever lies in its input. The main stage stands for all that its pods run: it is not let go while another
 * stage has something to do.
 */
function heldSample(
  stage: Pick<StageDefinition, "name" | "input">,
  sample: StageSample,
  status: LogStatus,
  partitions: number,
): StageSample {
  const { at, nextTimer } = sample;
  if (isFunctionsStage(stage.name) && !hasBegun(status, stage.name, partitions)) {
    const idle = sample.partitions.map((one) => (one === null ? null : { ...one, position: one.end }));
    return { ...sample, partitions: idle, nextTimer: null };
  }
  const isHeld = nextTimer !== null || (stage.name === mainStage.name && othersHaveWork(status, partitions));
  return { ...sample, nextTimer: isHeld ? Math.min(at, nextTimer ?? at) : null };
}

function othersHaveWork(status: LogStatus, partitions: number): boolean {
  return stagesOf(status).some((stage) => {
    if (stage.name === mainStage.name || !hasBegun(status, stage.name, partitions)) return false;
    const sample = stageSample(status, stage, null, 0);
    return sample.nextTimer !== null || lagIn(sample) > 0;
  });
}
