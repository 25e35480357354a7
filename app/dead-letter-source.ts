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
  functions: Pick<FunctionStore, "stages">,
): DeadLetterSource {
  return {
    queue,
    async stageOf(topic, name) {
      if (topic === mainStage.input) return mainStage.name;
      if (topic !== JOINS_STAGE.input && topic !== FUNCTIONS_STAGE.input) return null;
      // Where it runs now: it may have moved since.
      const stage = (await functions.stages()).get(name);
      if (topic === JOINS_STAGE.input) return stage === undefined ? null : JOINS_STAGE.name;
      if (stage !== undefined) return functionsStageName(stage);
      return name === WHOLE_STEP.function ? FUNCTIONS_STAGE.name : null;
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
