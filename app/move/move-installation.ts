import { existsSync } from "node:fs";
import { errorText, MillraceError } from "../../core/errors.ts";
import { createMetrics } from "../../core/metrics.ts";
import { noteDeletedElsewhere } from "../../log/kafka/deleted-elsewhere.ts";
import { digestLog } from "../../log/move/log-digest.ts";
import { moveJournals, type MovedJournal } from "../../log/move/move-journals.ts";
import { moveRecords, startsOf } from "../../log/move/move-records.ts";
import { checkRegistrySource, checkRegistryTarget, copyRegistry, finishCopy } from "../../registry/copy-registry.ts";
import { openDataDirectory, type DataDirectory } from "../data-directory.ts";
import type { Config } from "../config.ts";
import { missingSettings } from "../missing-settings.ts";
import { openEmbedded, openMovingLog } from "../installation-log.ts";
import { createSystemReceiveClock } from "../receive-clock.ts";
import { openMovingTables, type MovingTables } from "./moving-tables.ts";
import type { EmbeddedLog } from "../../log/embedded/open-embedded-log.ts";
import type { OpenKafkaLog } from "../../log/kafka/open-kafka-log.ts";
import type { CopiedTable } from "../../registry/copy-registry.ts";
import type { LogParts } from "../thread-log.ts";

/** One thing that was moved, counted on both sides after the move. */
export interface MovedItem {
  readonly where: "log" | "journals" | "tables" | "registry";
  readonly what: string;
  readonly here: number;
  readonly there: number;
  /** Whether it is the same by its content too; of journals, which are written as they are, by the count of entries. */
  readonly equal: boolean;
}

/** True when nothing of it is missing there, or different. */
export function isThere({ here, there, equal }: MovedItem): boolean {
  return here === there && equal;
}

export interface MoveReport {
  readonly items: readonly MovedItem[];
  readonly generation: { readonly before: number; readonly now: number };
}

export interface MoveOptions {
  readonly config: Config;
  readonly logger: LogParts["logger"];
  /** What is being done, and how far it is. */
  readonly onProgress: (doing: string, done: number) => void;
}

const CLOSE_MS = 10_000;
/** No journal has this name, so that retention deletes nothing of the log while it moves. */
const NOBODY = "the move";

/**
 * Moves a stopped embedded installation to Kafka, PostgreSQL and ClickHouse: the log at its offsets, the journals, the tables, the registry. Nothing is
 * taken away here. The cluster's processes refuse to start until all is there, and this one afterwards; a move that was broken off goes on. Errors:
 * CONFIG_INVALID, ALREADY_EXISTS and DATA_DAMAGED say what stands in the way, before anything is written where that is possible.
 */
export async function moveInstallation(options: MoveOptions): Promise<MoveReport> {
  const { config, logger } = options;
  requireTargets(config);
  if (!existsSync(config.data)) throw noInstallation(config.data);
  const directory = openDataDirectory(config.data, config.installationSecret ?? null);
  const parts = { clock: createSystemReceiveClock(), logger, metrics: createMetrics() };
  const registry = { path: directory.registryPath, url: config.databaseUrl ?? "", clock: parts.clock, logger };
  const undo: (() => Promise<void> | void)[] = [() => directory.release()];
  try {
    requireSource(config, directory);
    const source = await openEmbedded(config, directory, { ...parts, sync: true, requiredJournals: [NOBODY] });
    undo.unshift(() => source.close(AbortSignal.timeout(CLOSE_MS)));
    const continues = source.generation;
    const openTarget = () => openMovingLog(config, directory.installation, { ...parts, continues });
    // Of a move that was ended, the log there says so first.
    if (directory.movedTo !== null) await (await openTarget()).close(AbortSignal.timeout(CLOSE_MS));
    await checkRegistryTarget(registry);
    const tables = config.clickhouse ? await openMovingTables({ ...parts, config, directory, log: source }) : null;
    if (tables !== null) undo.unshift(() => tables.close());
    const target = await openTarget();
    undo.unshift(() => target.close(AbortSignal.timeout(CLOSE_MS)));
    const items = await moveAll(options, { source, target, tables, copy: () => copyRegistry(registry) });
    if (items.every(isThere)) {
      // In this order: a crash in between leaves nothing that could be started, and the same command ends it.
      directory.noteMoved(placeOf(config));
      await target.completeMove();
      await finishCopy(registry);
    }
    return { items, generation: { before: continues, now: target.generation } };
  } finally {
    for (const end of undo) {
      // Of several that fail, and of a move that did, the first is what is told.
      await Promise.resolve(end()).catch((error: unknown) => logger.warn({ cause: errorText(error) }, "while closing"));
    }
  }
}

interface Ends {
  readonly source: EmbeddedLog;
  readonly target: OpenKafkaLog;
  readonly tables: MovingTables | null;
  readonly copy: () => Promise<readonly CopiedTable[]>;
}

async function moveAll({ onProgress }: MoveOptions, { source, target, tables, copy }: Ends): Promise<MovedItem[]> {
  await tables?.catchUp((rows) => onProgress("filling the tables with what the log has", rows));
  await moveRecords({ source, target, onProgress: (records) => onProgress("moving records", records) });
  onProgress("moving journals", 0);
  const journals = await moveJournals(source, target);
  const deleted = await moveDeletedCounts(source, target);
  onProgress("comparing the logs", 0);
  const log = await compareLogs(source, target);
  const moved = (await tables?.move((table, rows) => onProgress(`moving ${table}`, rows))) ?? [];
  onProgress("moving the registry", 0);
  const copied = await copy();
  const there = await entriesThere(target, journals);
  return [
    ...log,
    deleted,
    ...journals.map(({ name, partition, entries }, at): MovedItem => {
      const count = there[at] ?? 0;
      return { where: "journals", what: `${name}/${partition}`, here: entries, there: count, equal: count === entries };
    }),
    ...moved.map(({ table, rows, moved: count, equal }): MovedItem => {
      return { where: "tables", what: table, here: rows, there: count, equal };
    }),
    ...copied.map(({ table, rows, copied: count, equal }): MovedItem => {
      return { where: "registry", what: table, here: rows, there: count, equal };
    }),
  ];
}

/** A look at them from outside, as another process would have. */
async function entriesThere(target: OpenKafkaLog, journals: readonly MovedJournal[]): Promise<number[]> {
  const counts: number[] = [];
  for (const journal of journals) counts.push((await target.follow(journal).next()).entries.length);
  return counts;
}

/** Messages that retention deleted before the move. What an earlier move has noted is replaced. */
async function moveDeletedCounts(source: EmbeddedLog, target: OpenKafkaLog): Promise<MovedItem> {
  const { deletedTelemetry: here, partitions } = await source.status();
  if (!isSame(here, (await target.status()).deletedTelemetry)) {
    await noteDeletedElsewhere(target, here, startsOf(partitions));
  }
  const { deletedTelemetry: there } = await target.status();
  return { where: "log", what: "deleted before", here: sumOf(here), there: sumOf(there), equal: isSame(here, there) };
}

function isSame(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean {
  return Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([key, count]) => b[key] === count);
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

async function compareLogs(source: EmbeddedLog, target: OpenKafkaLog): Promise<MovedItem[]> {
  const [here, there] = [await digestLog(source), await digestLog(target)];
  return here.map(({ topic, records, sha256 }) => {
    const other = there.find((one) => one.topic === topic);
    return {
      where: "log",
      what: topic,
      here: records,
      there: other?.records ?? 0,
      equal: other?.sha256 === sha256,
    };
  });
}

function requireTargets(config: Config): void {
  const needed: (keyof Config)[] = [
    "kafkaBrokers",
    "databaseUrl",
    ...(config.clickhouse ? ["clickhouseUrl" as const] : []),
  ];
  const missing = missingSettings(config, needed);
  if (missing.length === 0) return;
  throw new MillraceError("CONFIG_INVALID", `a move to a cluster needs where to: ${missing.join(", ")}`, {
    remedy: "Set them as the cluster's processes will have them (docs/moving-to-a-cluster.md).",
  });
}

function noInstallation(data: string): MillraceError {
  return new MillraceError("NOT_FOUND", `there is no data directory ${data}`, { remedy: "Name another with --data." });
}

function placeOf(config: Config): string {
  return `the Kafka topics with the prefix "${config.kafkaPrefix}"`;
}

function requireSource(config: Config, directory: DataDirectory): void {
  checkRegistrySource(directory.registryPath, directory.secret);
  // Of a move to the same place that was not ended, the log there tells more.
  if (directory.movedTo !== null && directory.movedTo !== placeOf(config)) {
    throw new MillraceError("ALREADY_EXISTS", `the installation in ${config.data} has moved to ${directory.movedTo}`, {
      remedy: `Delete the file ${config.data}/moved if what is here shall move once more, to other topics and databases.`,
    });
  }
}
