import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../core/limits.ts";

/** Ceilings that lean on each other: `[smaller, what it must fit in]`. */
const FITS: readonly [keyof typeof LIMITS, keyof typeof LIMITS][] = [
  ["payloadBytesMax", "packetBytesMax"],
  ["packetBytesMax", "recordBytesMax"],
  ["recordBytesMax", "groupCommitBytesMax"],
  ["recordBytesMax", "fetchBytesMax"],
  ["groupCommitBytesMax", "appendQueueBytesMax"],
  ["unitBytesMax", "groupCommitBytesMax"],
  ["snapshotChunkBytes", "recordBytesMax"],
  ["snapshotChunkBytes", "snapshotAfterBytes"],
  ["textValueBytesMax", "payloadBytesMax"],
  ["quarantinePayloadBytesMax", "recordBytesMax"],
  ["connectPacketBytesMax", "packetBytesMax"],
  ["mqttTokenBytesMax", "connectPacketBytesMax"],
  ["tokenCharactersMin", "tokenCharactersMax"],
  ["tokenCharactersMax", "mqttTokenBytesMax"],
  ["tokenCharactersMax", "credentialCharactersMax"],
  ["connectionsPerDeviceMax", "connectionsMax"],
  ["metricsPerReadingMax", "lastValueMetricsPerDeviceMax"],
  ["eventsPerFrameMax", "pendingEventsMax"],
  ["recentReadingsPerDeviceMax", "recentReadingsMax"],
  ["smallRecentReadingsPerDeviceMax", "smallRecentReadingsMax"],
  ["smallRecentReadingsPerDeviceMax", "recentReadingsPerDeviceMax"],
  ["smallRecentReadingsMax", "recentReadingsMax"],
  ["smallIdempotencyKeysMax", "idempotencyKeysMax"],
  ["smallSnapshotAfterUnits", "snapshotAfterUnits"],
  ["snapshotIdleUnits", "smallSnapshotAfterUnits"],
  ["filtersPerSubscribeMax", "filtersPerConnectionMax"],
  ["unauthenticatedConnectionsMax", "connectionsMax"],
  ["unauthenticatedConnectionsPerAddressMax", "unauthenticatedConnectionsMax"],
  ["refusedTokenWaitMs", "refusedTokenWaitMsMax"],
  ["windowMsMin", "windowMsMax"],
  ["unitIdleMs", "unitBacklogMs"],
  ["unitBacklogMs", "stageBreathMs"],
  ["stageBreathMs", "unitLateMs"],
  ["unitBytesMax", "unitBytesInFlightPerPartitionMax"],
  ["lingerMsMax", "unitIdleMs"],
  ["receiveClockStepMsMax", "receiveClockSettleMs"],
  ["webhookTimeoutMs", "webhookRetryDelayMsMax"],
  ["signInCodeMs", "sessionMs"],
];

describe("the limits", () => {
  it("let units of 32 partitions be under way without the log's queue refusing one", () => {
    expect(32 * LIMITS.unitBytesInFlightPerPartitionMax).toBeLessThanOrEqual(LIMITS.appendQueueBytesMax);
  });

  it.each(FITS)("%s fits in %s", (smaller, larger) => {
    expect(LIMITS[smaller]).toBeLessThanOrEqual(LIMITS[larger]);
  });

  it("are positive whole numbers, or 0 where that means none, or shares of a whole", () => {
    for (const [name, limit] of Object.entries<number>(LIMITS)) {
      if (/^(autoscale|canary).*(Utilization|Share)(Min|Max)?$/.test(name)) {
        expect([name, limit > 0 && limit < 1]).toEqual([name, true]);
        continue;
      }
      const least = /^(messages|payloadBytes)PerSecondPer(Connection|Device)Max$/.test(name) ? 0 : 1;
      expect([name, Number.isSafeInteger(limit) && limit >= least]).toEqual([name, true]);
    }
  });

  it("let the dead letter of the largest payload, which carries it in base64, be a record", () => {
    expect((LIMITS.payloadBytesMax * 4) / 3).toBeLessThan(LIMITS.recordBytesMax / 2);
  });

  it("let all functions and a tenant's tables lie in each of 32 partitions, in half the memory of one thread", () => {
    const code = LIMITS.functionsMax * LIMITS.functionCodeBytesMax;
    const tables = LIMITS.referenceTablesPerTenantMax * LIMITS.referenceTableCharactersMax;
    expect(32 * (code + tables)).toBeLessThan((LIMITS.functionMemoryMibDefault * 1024 * 1024) / 2);
  });

  it("believe a clock that is wrong by less than the time that a reading may be ahead", () => {
    expect(LIMITS.receiveClockStepMsMax).toBeLessThan(LIMITS.eventTimeAheadMsMax);
  });
});
