import { systemClock } from "../../../core/clock.ts";
import { silentLogger } from "../../../core/logger.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { openEmbeddedLog } from "../../../log/embedded/open-embedded-log.ts";
import type { EmbeddedLog, EmbeddedLogOptions } from "../../../log/embedded/open-embedded-log.ts";

/** An embedded log with four partitions and nothing that limits it, unless `options` say so. */
export function openTestLog(directory: string, options: Partial<EmbeddedLogOptions> = {}): Promise<EmbeddedLog> {
  return openEmbeddedLog({
    directory,
    partitionCount: 4,
    generation: 1,
    bytesMax: 1024 ** 3,
    retentionMs: 86_400_000,
    requiredJournals: [],
    clock: systemClock,
    logger: silentLogger,
    metrics: createMetrics(),
    ...options,
  });
}
