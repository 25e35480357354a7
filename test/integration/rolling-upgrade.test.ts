import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { installationId } from "../../app/data-directory.ts";
import { systemClock } from "../../core/clock.ts";
import { silentLogger } from "../../core/logger.ts";
import { HEADER } from "../../core/record.ts";
import { createPlatformaticClient } from "../../log/kafka/platformatic-client.ts";
import { migrate, MIGRATIONS } from "../../registry/migrate.ts";
import { openPostgresEngine } from "../../registry/postgres/postgres-engine.ts";
import { noCluster, type Cluster } from "../support/cluster.ts";
import { openTestKafkaLog } from "../support/kafka-servers.ts";
import { newerUnit } from "../support/newer-unit.ts";
import { instanceApi } from "../support/replay-run.ts";
import { readyReasons } from "../upgrade/process-health.ts";
import {
  runUpgrade,
  UPGRADE_PARTITIONS,
  UPGRADE_PREFIX,
  type UpgradeOptions,
  type UpgradeStand,
} from "../upgrade/upgrade-run.ts";
import { wrongOfUpgrade } from "../upgrade/upgrade-verdict.ts";
import type { Overview } from "../../core/overview.ts";
import type { RecordInput } from "../../core/record.ts";
import type { Migration } from "../../registry/migrations/migration.ts";
import type { OpenKafkaLog } from "../../log/kafka/open-kafka-log.ts";

const SOON = { timeout: 60_000, interval: 200 };
const NEWEST = MIGRATIONS.length;
/** Only adds: what this release does goes on beside it. */
const ADDS: Migration = {
  number: NEWEST + 1,
  name: "colours of devices",
  oldestBeside: NEWEST,
  async up(trx, types) {
    await trx.schema.alterTable("devices").addColumn("colour", types.text).execute();
  },
};
const CHANGES: Migration = { number: NEWEST + 2, name: "colours are required", up: () => Promise.resolve() };
const SHORT = { brokers: 1, devices: 5, canaryMs: 2000, sideBySideMs: 1000, back: false } as const;
const RELEASES = { old: { name: "release-1" }, next: { name: "release-2" } };

describe.skipIf(noCluster !== null)(`an upgrade under load (needs ${noCluster ?? "Kafka and PostgreSQL"})`, () => {
  it("loses nothing and counts nothing twice, with what a newer release writes beside processes that do not know it", async () => {
    const figures = await upgrade({
      processors: 2,
      async onSideBySide({ cluster }) {
        await migrateTo(cluster, [ADDS]);
        await withLog(cluster, appendFutureControls);
      },
      onEnd: meetsWhatItDoesNotKnow,
    });
    expect(wrongOfUpgrade(figures, "upgraded")).toEqual([]);
    expect(figures.releases).toEqual(["release-1", "release-2"]);
  });

  it("goes back when a process of the new release does not become ready, beside the layout that it has made, and loses nothing", async () => {
    // Of the gateways alone: what came before them runs.
    const noCertificate = { MILLRACE_TLS_CERT: "/nowhere/tls.crt", MILLRACE_TLS_KEY: "/nowhere/tls.key" };
    const figures = await upgrade({
      processors: 1,
      next: { ...RELEASES.next, environment: noCertificate },
      onSideBySide: ({ cluster }) => migrateTo(cluster, [ADDS]),
    });
    expect(wrongOfUpgrade(figures, "went back")).toEqual([]);
    expect(figures.reasons).toEqual([
      expect.stringMatching(/^gateway-1-\d+ does not become ready: .*\/nowhere\/tls.crt/s),
    ]);
  });
});

function upgrade(options: Pick<UpgradeOptions, "processors"> & Partial<UpgradeOptions>) {
  return runUpgrade({ ...SHORT, ...RELEASES, say: () => undefined, ...options });
}

async function migrateTo({ environment }: Cluster, more: readonly Migration[]): Promise<void> {
  const url = environment["MILLRACE_DATABASE_URL"] ?? "";
  const engine = await openPostgresEngine({ url, logger: silentLogger });
  await migrate({ engine, clock: systemClock, logger: silentLogger, migrations: [...MIGRATIONS, ...more] });
  await engine.close();
}

async function withLog(cluster: Cluster, work: (log: OpenKafkaLog) => Promise<void>): Promise<void> {
  const installation = installationId(Buffer.from(cluster.secret, "hex"));
  const place = [UPGRADE_PARTITIONS, UPGRADE_PREFIX, { installation }] as const;
  const log = await openTestKafkaLog(cluster.kafka.addresses, createPlatformaticClient, ...place);
  await work(log);
  await log.close(AbortSignal.timeout(5000));
}

/** Into every partition, so that every processor of both releases meets them. */
async function appendFutureControls(log: OpenKafkaLog): Promise<void> {
  for (let partition = 0; partition < UPGRADE_PARTITIONS; partition += 1) {
    await log.append("telemetry", partition, [
      control("control-of-unknown-kind", "reboot"),
      control("control-of-version-2", "flush"),
      control("control-with-more-fields", "tick"),
    ]);
  }
}

/** One that has more fields, and one of another version. */
async function appendFutureReadings(log: OpenKafkaLog): Promise<void> {
  for (const [offset, name] of ["reading-with-more-fields", "reading-of-version-2"].entries()) {
    const headers = [
      [HEADER.source, `future telemetry 0 1 ${offset} 0 0`],
      ["hue", "300"],
    ] as const;
    const key = "default/from-the-future";
    await log.append("readings", 0, [{ timestamp: Date.now(), key, value: fixture(name), headers }]);
  }
}

function control(name: string, kind: string): RecordInput {
  const headers = [
    [HEADER.controlKind, kind],
    ["hue", "300"],
  ] as const;
  return { timestamp: Date.now(), key: null, value: fixture(name), headers };
}

function fixture(name: string): Uint8Array {
  return readFileSync(new URL(`../fixtures/future-records/${name}.json`, import.meta.url));
}

/** Behind the audit: what a process does that meets a layout or a journal of which nobody says that it may. */
async function meetsWhatItDoesNotKnow({ cluster, roster }: UpgradeStand): Promise<void> {
  const letters = (await instanceApi(roster.dataOf("api")).get<Overview>("/overview")).ledger.messages.deadLettered;
  expect(letters).toBe(0);
  await withLog(cluster, appendFutureReadings);
  const [sinks] = roster.slotsOf("sinks");
  const page = async () => {
    const { http } = roster.processIn(sinks ?? { role: "sinks", number: 1 }).ready;
    return (await fetch(`${http}/metrics`)).text();
  };
  await expect.poll(page, SOON).toMatch(/^millrace_clickhouse_bad_records_total 1$/m);
  await migrateTo(cluster, [ADDS, CHANGES]);
  await expect(cluster.start("late", "sinks")).rejects.toThrow(
    `the registry has format ${NEWEST + 2}, and this release knows formats up to ${NEWEST}`,
  );
  await withLog(cluster, async (log) => {
    const journal = { name: "stage:main", partition: 0 };
    const { epoch } = await log.claim(journal);
    const entry = { kind: "unit", positions: [], nextTimer: null, body: newerUnit("main", 1_000_000) } as const;
    await log.commit({ journal, epoch, entry, outputs: [] });
    // Whoever has the partition finds out with its next commit.
    await log.append("telemetry", 0, [control("control-with-more-fields", "tick")]);
  });
  const reasons = async () =>
    (await Promise.all(roster.slotsOf("processors").map((slot) => readyReasons(roster.processIn(slot))))).flat().join();
  await expect.poll(reasons, SOON).toContain("the journal of stage main has entries of version 2");
}
