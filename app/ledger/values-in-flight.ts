import { ErasedDevices } from "../../sinks/clickhouse/erased-devices.ts";
import { MAIN_STAGE } from "../../core/stage.ts";
import { collectErasures, countValues } from "./log-scan.ts";
import type { LogStatus, TopicPosition } from "../../core/event-log.ts";
import { LIMITS } from "../../core/limits.ts";
import type { TopicName } from "../../core/topics.ts";
import type { LedgerCut } from "./ledger-cut.ts";
import type { LedgerSources } from "./ledger-sources.ts";
import type { ScanRange } from "../../log/scan-log.ts";

/**
 * Values in `readings` between what the tables' sink has settled and the cut, without those of devices that are removed at the cut: they
 * count as filtered already. Null when they are too many to be read for a look.
 */
export async function valuesInFlight(
  sources: Pick<LedgerSources, "log" | "erasures">,
  cut: LedgerCut,
  settled: readonly TopicPosition[],
): Promise<number | null> {
  const removals = unsettled(cut.status, settled, "device-events");
  const readings = unsettled(cut.status, settled, "readings");
  const records = [...removals, ...readings].reduce((sum, { offset, end }) => sum + end - offset, 0);
  if (records > LIMITS.overviewScanRecordsMax) return null;
  const known = [...(await sources.erasures()), ...(await collectErasures(sources.log, removals))];
  const erased = new ErasedDevices();
  erased.add(
    known.filter(({ until }) => until.stage === MAIN_STAGE && until.offset < (cut.bounds[until.partition] ?? 0)),
  );
  return countValues(sources.log, readings, erased, cut.bounds);
}

/** From where a topic is settled to where it ended at the cut. */
function unsettled(status: LogStatus, settled: readonly TopicPosition[], topic: TopicName): ScanRange[] {
  const positions = new Map(settled.filter((one) => one.topic === topic).map((one) => [one.partition, one.offset]));
  return status.partitions
    .filter((one) => one.topic === topic)
    .map(({ partition, startOffset, endOffset }) => ({
      topic,
      partition,
      offset: Math.max(positions.get(partition) ?? 0, startOffset),
      end: endOffset,
    }))
    .filter(({ offset, end }) => offset < end);
}
