import { MillraceError } from "../../core/errors.ts";
import { createMetrics } from "../../core/metrics.ts";
import { noteDeletedElsewhere } from "../../log/kafka/deleted-elsewhere.ts";
import { digestLog } from "../../log/move/log-digest.ts";
import { moveJournals } from "../../log/move/move-journals.ts";
import { moveRecords, startsOf } from "../../log/move/move-records.ts";
import { checkRegistryTarget, copyRegistry } from "../../registry/copy-registry.ts";
import { openDataDirectory, type DataDirectory } from "../data-directory.ts";
import { environmentName, type Config } from "../config.ts";
import { openEmbedded, openMovingLog } from "../installation-log.ts";
import { createSystemReceiveClock } from "../receive-clock.ts";
import { openMovingTables, type MovingTables } from "./moving-tables.ts";
import type { EmbeddedLog } from "../../log/embedded/open-embedded-log.ts";
import type { OpenKafkaLog } from "../../log/kafka/open-kafka-log.ts";
import type { LogParts } from "../installation-log.ts";

/** One thing that was moved, counted on both sides after the move. */
export interface MovedItem {
  readonly where: "log" | "journals" | "tables" | "registry";
  readonly what: string;
  readonly here: number;
  readonly there: number;
  /** Whether it is the same by its content, not only by its count. */
  readonly equal: boolean;
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

/**
 * Moves a stopped embedded installation to Kafka, PostgreSQL and ClickHouse: the log at its offsets, the journals, the tables, the registry. Nothing is
 * taken away here. The cluster's processes refuse to start until all is there, and this one afterwards; a move that was broken off goes on. Errors:
 * CONFIG_INVALID, ALREADY_EXISTS and DATA_DAMAGED say what stands in the way, before anything is written where that is possible.
 */
export async function moveInstallation(options: MoveOptions): Promise<MoveReport> {
  const { config, logger } = options;
  requireTargets(config);
  const directory = openDataDirectory(config.data, config.installationSecret ?? null);
  const parts = { clock: createSystemReceiveClock(), logger, metrics: createMetrics() };
  const undo: (() => Promise<void> | void)[] = [() => directory.release()];
  try {
    requireSource(config, directory);
    await checkRegistryTarget({ url: config.databaseUrl ?? "", logger });
    const source = await openEmbedded(config, directory, { ...parts, sync: true });
    undo.unshift(() => source.close(AbortSignal.timeout(CLOSE_MS)));
    const tables = config.clickhouse ? await openMovingTables({ ...parts, config, directory, log: source }) : null;
    if (tables !== null) undo.unshift(() => tables.close());
    const continues = source.generation;
    const target = await openMovingLog(config, directory.installation, { ...parts, continues });
    undo.unshift(() => target.close(AbortSignal.timeout(CLOSE_MS)));
    const items = await moveAll(options, { source, target, tables, directory });
    if (items.every(({ here, there, equal }) => here === there && equal)) {
      await target.completeMove();
      directory.noteMoved(`the Kafka topics with the prefix "${config.kafkaPrefix}"`);
    }
    return { items, generation: { before: continues, now: target.generation } };
  } finally {
    for (const end of undo) await end();
  }
}

interface Ends {
  readonly source: EmbeddedLog;
  readonly target: OpenKafkaLog;
  readonly tables: MovingTables | null;
  readonly directory: DataDirectory;
}

async function moveAll(
  { config, logger, onProgress }: MoveOptions,
  { source, target, tables, directory }: Ends,
): Promise<MovedItem[]> {
  await tables?.catchUp((rows) => onProgress("filling the tables with what the log has", rows));
  await moveRecords({ source, target, onProgress: (records) => onProgress("moving records", records) });
  onProgress("moving journals", 0);
  const journals = await moveJournals(source, target);
  await moveDeletedCounts(source, target);
  onProgress("comparing the logs", 0);
  const log = await compareLogs(source, target);
  const moved = (await tables?.move((table, rows) => onProgress(`moving ${table}`, rows))) ?? [];
  onProgress("moving the registry", 0);
  const clock = createSystemReceiveClock();
  const copied = await copyRegistry({ path: directory.registryPath, url: config.databaseUrl ?? "", clock, logger });
  const there = await entriesThere(target, journals);
  return [
    ...log,
    ...journals.map(({ name, partition, entries }, at): MovedItem => {
      const count = there[at] ?? 0;
      return { where: "journals", what: `${name}/${partition}`, here: entries, there: count, equal: count === entries };
    }),
    ...moved.map(({ table, rows, moved: count, equal }): MovedItem => {
      return { where: "tables", what: table, here: rows, there: count, equal };
    }),
    ...copied.map(({ table, rows, copied: count }): MovedItem => {
      return { where: "registry", what: table, here: rows, there: count, equal: rows === count };
    }),
  ];
}

/** A look at them from outside, as another process would have. */
function entriesThere(target: OpenKafkaLog, journals: Awaited<ReturnType<typeof moveJournals>>): Promise<number[]> {
  return Promise.all(journals.map(async (journal) => (await target.follow(journal).next()).entries.length));
}

async function moveDeletedCounts(source: EmbeddedLog, target: OpenKafkaLog): Promise<void> {
  const { deletedTelemetry, partitions } = await source.status();
  const present = (await target.status()).deletedTelemetry;
  if (Object.keys(present).length > 0 || Object.keys(deletedTelemetry).length === 0) return;
  await noteDeletedElsewhere(target, deletedTelemetry, startsOf(partitions));
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
  const missing = needed.filter((name) => config[name] === undefined).map(environmentName);
  if (missing.length === 0) return;
  throw new MillraceError("CONFIG_INVALID", `a move to a cluster needs where to: ${missing.join(", ")}`, {
    remedy: 'Set them as the cluster\'s processes will have them (docs/operating.md, "Moving to a cluster").',
  });
}

function requireSource(config: Config, directory: DataDirectory): void {
  if (directory.isNew || !directory.hasStores) {
    throw new MillraceError("NOT_FOUND", `there is no installation in ${config.data}`, {
      remedy: "Name its data directory with --data.",
    });
  }
  if (directory.movedTo !== null) {
    throw new MillraceError("ALREADY_EXISTS", `the installation in ${config.data} has moved to ${directory.movedTo}`, {
      remedy: `Delete the file ${config.data}/moved if what is here shall move once more, to other topics and databases.`,
    });
  }
}
