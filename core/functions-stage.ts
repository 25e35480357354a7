import { FUNCTIONS_STAGE, JOINS_STAGE, stageJournalName, type StageDefinition } from "./stage.ts";
import { ENDED_AT, type LogStatus } from "./event-log.ts";

/** In front of the name that a user gives a stage: no stage of Millrace's own is called so. */
const OWN_PREFIX = "fn-";

/** The stage's name in the log, of what users call it: `functions` is the one that all share. */
export function functionsStageName(stage: string): string {
  return stage === FUNCTIONS_STAGE.name ? stage : OWN_PREFIX + stage;
}

export function functionsStage(name: string): StageDefinition {
  return name === JOINS_STAGE.name ? JOINS_STAGE : { ...FUNCTIONS_STAGE, name };
}

/** True for stages in which users' functions run. */
export function isFunctionsStage(name: string): boolean {
  return name === FUNCTIONS_STAGE.name || name === JOINS_STAGE.name || name.startsWith(OWN_PREFIX);
}

const JOURNALS = stageJournalName("");

/** True for their journals. */
export function isFunctionsJournal(journal: string): boolean {
  return journal.startsWith(JOURNALS) && isFunctionsStage(journal.slice(JOURNALS.length));
}

/** The partitions in which the stage has begun, and not ended since. */
export function begunPartitions({ journals }: Pick<LogStatus, "journals">, stage: string): ReadonlySet<number> {
  const name = stageJournalName(stage);
  const own = journals.filter((one) => one.name === name && one.positions.some(({ offset }) => offset < ENDED_AT));
  return new Set(own.map(({ partition }) => partition));
}

/** True when all partitions have begun: before that nobody may run them. */
export function hasBegun(status: Pick<LogStatus, "journals">, stage: string, partitionCount: number): boolean {
  return begunPartitions(status, stage).size === partitionCount;
}

/** Stages of users' functions that have begun in some partition at least, by name; the one that all share first, that of joins last. */
export function begunStages(status: Pick<LogStatus, "journals">): readonly StageDefinition[] {
  const names = new Set(
    status.journals
      .filter(({ name, positions }) => isFunctionsJournal(name) && positions.some(({ offset }) => offset < ENDED_AT))
      .map(({ name }) => name.slice(JOURNALS.length)),
  );
  const isOwn = (name: string): boolean => name !== FUNCTIONS_STAGE.name && name !== JOINS_STAGE.name;
  const ordered = [FUNCTIONS_STAGE.name, ...[...names].filter(isOwn).toSorted(), JOINS_STAGE.name];
  return ordered.filter((name) => names.has(name)).map(functionsStage);
}
