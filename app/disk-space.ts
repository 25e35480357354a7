import { statfs } from "node:fs/promises";
import { errorText } from "../core/errors.ts";
import { createMetrics, type MetricSample } from "../core/metrics.ts";
import { within } from "./deadline.ts";
import type { Logger } from "../core/logger.ts";

export interface DiskSpaceOptions {
  /** The data directory. */
  readonly path: string;
  readonly logger: Logger;
  /** Tests: another file system, and less patience. */
  readonly ask?: (path: string) => Promise<FileSystemSize>;
  readonly waitMs?: number;
}

/** As statfs(2) says it. */
export interface FileSystemSize {
  readonly bsize: number;
  readonly blocks: number;
  /** Free, and not kept for root. */
  readonly bavail: number;
}

/** A file system over a network that does not answer must not make a scrape fail. */
const ANSWER_MS = 1000;
const NONE: readonly MetricSample[] = [];

/**
 * How full the file system of the data directory is, asked at each scrape. One that does not answer is asked no second time meanwhile, since a
 * question holds one of the few threads of the process in which files are worked; there are no samples then.
 */
export function createDiskSpace(options: DiskSpaceOptions): () => Promise<readonly MetricSample[]> {
  const { path, logger, ask = (of) => statfs(of), waitMs = ANSWER_MS } = options;
  let asked: Promise<FileSystemSize> | null = null;
  return async () => {
    asked ??= ask(path).finally(() => (asked = null));
    try {
      return samplesOf(await within(asked, waitMs, () => new Error(`no answer within ${waitMs} ms`)));
    } catch (error) {
      logger.debug({ path, cause: errorText(error) }, "the file system does not say how full it is");
      return NONE;
    }
  };
}

function samplesOf({ bsize, blocks, bavail }: FileSystemSize): readonly MetricSample[] {
  const metrics = createMetrics();
  metrics
    .gauge(
      "millrace_disk_free_bytes",
      "Bytes that the process may still write to the file system of its data directory. Absent while that does not answer.",
    )
    .set(bavail * bsize);
  metrics.gauge("millrace_disk_size_bytes", "Size of the file system of the data directory.").set(blocks * bsize);
  return metrics.snapshot();
}
