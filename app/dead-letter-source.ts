import { isMillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { FUNCTIONS_STAGE, JOINS_STAGE } from "../core/stage.ts";
import { functionsStageName } from "../core/functions-stage.ts";
import { WHOLE_STEP } from "../engine/step-failure.ts";
import { mainStage } from "../processors/main-stage.ts";
import type { DeadLetterSource } from "../api/api-options.ts";
import type { DeadLetterQueue } from "../core/dead-letter-queue.ts";
import type { FunctionStore } from "../core/function-store.ts";
import type { EventLog } from "../core/event-log.ts";

/** Dead letters, with what the log still knows of their records. */
export function deadLetterSource(
  queue: DeadLetterQueue,
  log: Pick<EventLog, "openReader">,
  functions: Pick<FunctionStore, "stages" | "runsJoin">,
): DeadLetterSource {
  return {
    queue,
    async stageOf({ source: { topic }, function: name, stage: failedIn }) {
      if (topic === mainStage.input) return mainStage.name;
      if (topic !== JOINS_STAGE.input && topic !== FUNCTIONS_STAGE.input) return null;
      const stages = await functions.stages();
      if (name === WHOLE_STEP.function) {
        const of = failedIn ?? (topic === JOINS_STAGE.input ? JOINS_STAGE.name : FUNCTIONS_STAGE.name);
        const isOf = (stage: string): boolean => functionsStageName(stage) === of;
        const runs = of === JOINS_STAGE.name ? await functions.runsJoin() : [...stages.values()].some(isOf);
        return runs ? of : null;
      }
      // Where it runs now: it may have moved since.
      const stage = stages.get(name);
      if (stage === undefined) return null;
      return topic === JOINS_STAGE.input ? JOINS_STAGE.name : functionsStageName(stage);
    },
    async headersAt(source) {
      const reader = log.openReader([source]);
      try {
        const [slice] = await reader.poll({ bytesMax: LIMITS.redriveReadBytesMax, waitMs: 0 });
        const record = slice?.records.find(({ offset }) => offset === source.offset);
        return record?.headers() ?? [];
      } catch (error) {
        // Retention has passed it: the payload is what the dead letter holds, and its headers are gone.
        if (isMillraceError(error, "OFFSET_OUT_OF_RANGE") || isMillraceError(error, "UNKNOWN_TOPIC")) return [];
        throw error;
      } finally {
        reader.close();
      }
    },
  };
}
