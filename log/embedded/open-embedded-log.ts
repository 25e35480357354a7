import { MessageChannel } from "node:worker_threads";
import { MillraceError } from "../../core/errors.ts";
import { checkedPackedBytes } from "../append-limits.ts";
import { LIMITS } from "../../core/limits.ts";
import { DurableMark } from "./durable-mark.ts";
import { prepareLogFile, syncDirectory } from "./log-file.ts";
import { EmbeddedLogReader } from "./log-reader.ts";
import { establishIdentity, openLogStore } from "./log-store.ts";
import { LogWriter } from "./log-writer.ts";
import { quarantineRange } from "./quarantine.ts";
import { serveConnection } from "./serve-connection.ts";
import { storeError } from "./store-damage.ts";
import type { MessagePort } from "node:worker_threads";
import type { Clock } from "../../core/clock.ts";
import type { EventLog, LogIntakes } from "../../core/event-log.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { LogConnection } from "./connect-embedded-log.ts";
import type { CorruptRange } from "./log-reader.ts";

export interface EmbeddedLogOptions {
  /** The log's own directory; made when it does not exist. One process at a time. */
  readonly directory: string;
  /** Fixed when the log is created; another number then is CONFIG_INVALID. */
  readonly partitionCount: number;
  /** Of the log if it is made now. Greater than that of any log whose outputs somebody may have kept. */
  readonly generation: number;
  /** Ceiling of what is kept, in bytes of LMDB pages. */
  readonly bytesMax: number;
  /** What is older may be deleted. By the writer's clock at the commit. */
  readonly retentionMs: number;
  /** Names of journals that retention must never pass. One that has told no position yet holds everything back. */
  readonly requiredJournals: readonly string[];
  /** The same of these, but only once they have told a position. */
  readonly isOnceBegun?: (journal: string) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /**
   * False leaves every fsync out, so that an acknowledgement promises nothing. It exists for one purpose: the durability test shows
   * with it that it would notice a log that does not sync.
   */
  readonly sync?: boolean;
}

export interface EmbeddedLog extends EventLog, LogIntakes {
  /** Of the source positions of what is made from this log: fixed when it was made. */
  readonly generation: number;
  /** True when there was no log in the directory. */
  readonly isNew: boolean;
  /** A way in for another thread of this process: see `connectEmbeddedLog`. */
  connect(): LogConnection;
  /** A process that has read the log has ended, however it did: the pages that it was looking at may be used again. */
  forgetReaders(): Promise<void>;
  /** Takes nothing more, lets what was asked for land, closes. When `signal` aborts, what waits fails with LOG_CLOSED. */
  close(signal: AbortSignal): Promise<void>;
}

/**
 * Opens the embedded event log; the calling thread, which should be the one that acknowledges, becomes its only writer. Errors:
 * CONFIG_INVALID, DATA_FORMAT_UNSUPPORTED, DATA_DAMAGED, DATA_DIRECTORY_UNWRITABLE, DATA_DIRECTORY_LOCKED, LOG_IO.
 */
export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
  const { directory, bytesMax, partitionCount, logger, metrics } = options;
  checkPartitionCount(partitionCount);
  await prepareLogFile(directory, logger);
  const store = openLogStore({ directory, bytesMax, readOnly: false, sync: options.sync ?? true });
  try {
    const { topology, generation, isNew } = await establishIdentity(store, partitionCount, options.generation);
    await syncDirectory(directory);
    const mark = new DurableMark();
    const writer = new LogWriter({ ...options, store, topology, mark });
    const ports = new Set<MessagePort>();
    const corruptCounter = metrics.counter("millrace_log_corrupt_ranges_total", "Damaged ranges found by readers.");
    const noteCorrupt = ({ topic, partition, fromOffset, toOffset }: Omit<CorruptRange, "bytes">): void => {
      corruptCounter.add();
      logger.error({ topic, partition, fromOffset, toOffset }, "records fail their checksum: quarantined and skipped");
    };
    const onCorrupt = (range: CorruptRange): void => {
      if (quarantineRange(directory, range)) noteCorrupt(range);
    };
    return {
      partitionCount,
      generation,
      isNew,
      append: (topic, partition, records) => writer.append(topic, partition, records),
      intake(topic) {
        const indexes: number[] = [];
        return {
          take(partition, record) {
            const index = (indexes[partition] ??= topology.indexOf(topic, partition));
            return writer.take(index, record, checkedPackedBytes(record));
          },
        };
      },
      claim: (journal, held) => writer.claim(journal, held),
      commit: ({ outputs, entry, ...request }) =>
        // The caller may use its bytes again, and the group may have to wait.
        writer.commit({ ...request, entry: { ...entry, body: Uint8Array.from(entry.body) } }, () =>
          outputs.map(({ topic, partition, records }) => ({
            topicPartition: topology.indexOf(topic, partition),
            records,
          })),
        ),
      status: () => Promise.resolve(writer.status()),
      openReader: (positions, readOptions) =>
        new EmbeddedLogReader({ directory, store, topology, mark, onCorrupt, ...readOptions }, positions),
      connect() {
        const { port1, port2 } = new MessageChannel();
        serveConnection(port1, writer, noteCorrupt);
        ports.add(port1);
        port1.on("close", () => ports.delete(port1));
        const { topics } = topology;
        return { port: port2, directory, shared: mark.shared, topics, partitionCount, generation, bytesMax };
      },
      forgetReaders() {
        store.root.readerCheck();
        return Promise.resolve();
      },
      async close(signal) {
        await writer.close(signal);
        mark.publishClosed();
        for (const port of ports) port.close();
        await store.root.close();
      },
    };
  } catch (error) {
    await store.root.close();
    throw storeError(error, directory);
  }
}

function checkPartitionCount(partitionCount: number): void {
  if (Number.isInteger(partitionCount) && partitionCount >= 1 && partitionCount <= LIMITS.partitionsMax) return;
  throw new MillraceError("CONFIG_INVALID", `a log cannot have ${partitionCount} partitions`, {
    remedy: `choose 1 to ${LIMITS.partitionsMax} partitions`,
  });
}
