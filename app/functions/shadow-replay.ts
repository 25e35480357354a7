import { MillraceError } from "../../core/errors.ts";
import { deviceKey } from "../../core/ids.ts";
import { LIMITS } from "../../core/limits.ts";
import { HEADER, isControlRecord } from "../../core/record.ts";
import { FUNCTIONS_STAGE, MAIN_STAGE } from "../../core/stage.ts";
import { inProcess, type ProcessWork } from "./in-process.ts";
import { OneAtATime } from "../why/one-at-a-time.ts";
import { offsetAtTime, readForward, type HeldRange, type WhyLog } from "../why/read-forward.ts";
import type { Clock } from "../../core/clock.ts";
import type { Registry } from "../../core/registry.ts";
import type { ShadowReplay, VersionComparison } from "../../core/version-comparison.ts";
import type {
  ComparedVersions,
  ComparisonRequest,
  PastPartition,
  PastRecord,
  VersionCode,
} from "./compare-versions.ts";
import type { DeviceConfiguration } from "./history/reading-history.ts";

export interface ShadowReplayOptions {
  readonly log: WhyLog;
  readonly registry: Pick<Registry, "functions" | "rollouts" | "controlOutbox">;
  readonly clock: Clock;
}

const COMPARING: ProcessWork = {
  module: new URL("../threads/version-comparison.ts", import.meta.url),
  what: "the versions",
  done: "compared",
  remedy: {
    late: "Ask for less time, or look for a loop without end.",
    broken: "Try it with millrace backtest FILE.",
  },
};
const OF_MAIN_STAGE = `${MAIN_STAGE} `;

export function createShadowReplay(options: ShadowReplayOptions): ShadowReplay {
  const { functions, rollouts } = options.registry;
  const turns = new OneAtATime(LIMITS.shadowWaitingMax);
  const compare = (versions: readonly ComparedVersions[], lastMs: number) =>
    turns.run(async () =>
      inProcess<readonly VersionComparison[]>(COMPARING, { versions, ...(await lastReadings(options, lastMs)) }),
    );

  const codeOf = async (name: string, version: number): Promise<VersionCode> => {
    const { code } = await functions.code(name, version);
    return { version, code };
  };

  return {
    async ofCode(code, names, lastMs) {
      const live = (await functions.versions()).filter(({ live: is, name }) => is && names.includes(name));
      if (live.length === 0) return [];
      const versions = live.map(async ({ name, version }) => {
        return { function: name, before: await codeOf(name, version), after: { version: null, code } };
      });
      return compare(await Promise.all(versions), lastMs);
    },
    async ofVersions(name, before, after, lastMs) {
      const all = await functions.versions(name);
      const canary = (await rollouts.all()).find((one) => one.name === name && one.outcome === null);
      const live = all.find((one) => one.live)?.version ?? 0;
      const later = after ?? canary?.version ?? live;
      const earlier = before ?? (later === live ? all.find(({ version }) => version < live)?.version : live);
      if (earlier === undefined || later === 0) {
        throw new MillraceError("NOT_FOUND", `there are no two versions of function "${name}" to compare`, {
          remedy: "Name them: millrace diff FUNCTION V1 V2; see millrace versions.",
        });
      }
      const versions = { function: name, before: await codeOf(name, earlier), after: await codeOf(name, later) };
      const [compared] = await compare([versions], lastMs);
      if (compared === undefined) throw new TypeError("two versions were compared without a result");
      return compared;
    },
  };
}

/** What the main stage made in the last `lastMs`, or since later where that were too many. Every partition from the same time on. */
async function lastReadings(
  { log, registry, clock }: ShadowReplayOptions,
  lastMs: number,
): Promise<Omit<ComparisonRequest, "versions">> {
  const to = clock.now();
  const { partitions } = await log.status();
  const held = partitions.filter(({ topic }) => topic === FUNCTIONS_STAGE.input);
  const recordsMax = Math.floor(LIMITS.shadowRecordsMax / Math.max(1, held.length));
  let from = to - lastMs;
  let bytes = 0;
  const all: PastPartition[] = [];
  const keys = new Set<string>();
  for (const { topic, partition, startOffset: start, endOffset: end } of held) {
    const range: HeldRange = { topic, partition, start, end };
    const first = await offsetAtTime(log, range, from);
    const records: PastRecord[] = [];
    await readForward(log, range, { from: Math.max(first, end - recordsMax), to: end }, (record) => {
      if (isControlRecord(record)) return false;
      if (record.key !== null) keys.add(record.key);
      if (record.header(HEADER.source)?.startsWith(OF_MAIN_STAGE) !== true) return false;
      bytes += record.value.length;
      if (bytes > LIMITS.shadowBytesMax) throw tooMuch();
      const { timestamp, key, value } = record;
      records.push({ timestamp, key, value: new Uint8Array(value) });
      return false;
    });
    if (end - first > recordsMax) from = Math.max(from, records[0]?.timestamp ?? from);
    all.push({ partition, records });
  }
  const whole = all.map(({ partition, records }) => {
    return { partition, records: records.filter(({ timestamp }) => timestamp >= from) };
  });
  return { partitions: whole, configuration: await configurationOf(registry, keys), from, to };
}

/** Of the devices of which there are readings: those that a join names have derived ones only. */
async function configurationOf(
  { controlOutbox }: ShadowReplayOptions["registry"],
  keys: ReadonlySet<string>,
): Promise<DeviceConfiguration> {
  const { types, tables, devices } = await controlOutbox.configuration();
  return { types, tables, devices: devices.filter(({ tenant, id }) => keys.has(deviceKey(tenant, id))) };
}

function tooMuch(): MillraceError {
  return new MillraceError("LIMIT_EXCEEDED", `the readings have more than ${LIMITS.shadowBytesMax} bytes`, {
    remedy: "Ask for less time.",
  });
}
