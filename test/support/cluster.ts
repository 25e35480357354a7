import { setMaxListeners } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NODE_FLAGS } from "../../app/node-flags.ts";
import { systemClock } from "../../core/clock.ts";
import { silentLogger } from "../../core/logger.ts";
import { bootstrapOf } from "../../deploy/kafka/kafka-cluster.ts";
import { createChdbProcess, type ChdbProcess } from "../../sinks/clickhouse/chdb/chdb-process.ts";
import { startClickHouseServer, type ClickHouseServer } from "./clickhouse-server.ts";
import {
  startRole,
  startStandby,
  type InstanceOptions,
  type Launched,
  type RoleLine,
  type StandingBy,
} from "./instance.ts";
import { IMPATIENT, noKafka, startKafka, type KafkaServers } from "./kafka-servers.ts";
import { findPostgres, startPostgres, type PostgresServer } from "./postgres-server.ts";
import { findRedis, startRedis, type RedisServer } from "./redis-server.ts";

/** Why no cluster can be started here; null when one can. */
export const noCluster: string | null = noKafka ?? (findPostgres() === null ? "the postgresql package" : null);

export interface ClusterOptions {
  readonly brokers: 1 | 3;
  /** Tables in an embedded ClickHouse that is reached over the network, as a server is. */
  readonly clickhouse: boolean;
  readonly redis: boolean;
  readonly prefix: string;
  readonly partitions: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** Aborted: all processes of the installation are killed, ready or not. */
  readonly signal?: AbortSignal;
}

/** The stores of an installation on this machine, and its processes by name. */
export interface Cluster {
  readonly directory: string;
  readonly kafka: KafkaServers;
  readonly postgres: PostgresServer;
  readonly clickhouse: ClickHouseServer | null;
  readonly redis: RedisServer | null;
  readonly secret: string;
  /** The settings that all processes share. */
  readonly environment: Readonly<Record<string, string>>;
  /** Those that have been ready, by name. */
  readonly processes: ReadonlyMap<string, Launched<RoleLine>>;
  dataOf(name: string): string;
  /**
   * Starts a process with these roles, in place of one of the same name that has ended. `program`: what else than this release's own entry
   * runs, and how.
   */
  start(
    name: string,
    role: string,
    environment?: Readonly<Record<string, string>>,
    program?: Pick<InstanceOptions, "script" | "nodeFlags">,
  ): Promise<Launched<RoleLine>>;
  /** Starts a processor that waits. It is among `processes` once it has begun. */
  standBy(name: string, environment?: Readonly<Record<string, string>>): Promise<StandingBy>;
  forget(name: string): void;
  dispose(): Promise<void>;
}

/** A little more patient: brokers die here too, and that takes its time. */
const PROPERTIES = {
  ...IMPATIENT,
  "group.consumer.session.timeout.ms": "6000",
  "group.consumer.heartbeat.interval.ms": "1000",
};
const SECRET = "5e".repeat(32);

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const begun = new AsyncDisposableStack();
  try {
    return await startIn(begun, options);
  } catch (error) {
    await begun.disposeAsync();
    throw error;
  }
}

async function startIn(begun: AsyncDisposableStack, options: ClusterOptions): Promise<Cluster> {
  const directory = mkdtempSync(join(tmpdir(), "millrace-cluster-"));
  begun.defer(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  const kafka = await startKafka(options.brokers, PROPERTIES);
  begun.defer(() => kafka.stop());
  const postgres = await startPostgres(findPostgres() ?? "");
  begun.defer(() => postgres.dispose());
  const redisProgram = options.redis ? findRedis() : null;
  const redis = redisProgram === null ? null : await startRedis(redisProgram);
  begun.defer(() => redis?.dispose());
  const chdb = options.clickhouse ? await startChdb(join(directory, "clickhouse")) : null;
  begun.defer(() => chdb?.stop(AbortSignal.timeout(5000)));
  const clickhouse = chdb === null ? null : await startClickHouseServer(() => chdb.connection());
  begun.defer(() => clickhouse?.down());
  const environment = {
    MILLRACE_KAFKA_BROKERS: bootstrapOf(kafka.cluster),
    MILLRACE_KAFKA_PREFIX: options.prefix,
    MILLRACE_DATABASE_URL: postgres.url(await postgres.createDatabase()),
    MILLRACE_INSTALLATION_SECRET: SECRET,
    MILLRACE_PARTITIONS: String(options.partitions),
    MILLRACE_PROCESSOR_THREADS: "1",
    MILLRACE_LOG_LEVEL: "warn",
    // One for all, as the image brings one: with data directories of their own each would compile everything.
    NODE_COMPILE_CACHE: join(directory, "compile-cache"),
    ...(redis === null ? {} : { MILLRACE_REDIS_URL: redis.url() }),
    ...(clickhouse === null ? { MILLRACE_CLICKHOUSE: "false" } : { MILLRACE_CLICKHOUSE_URL: clickhouse.url() }),
    ...options.environment,
  };
  const processes = new Map<string, Launched<RoleLine>>();
  const ended = new AbortController();
  const signal = options.signal === undefined ? ended.signal : AbortSignal.any([ended.signal, options.signal]);
  setMaxListeners(0, signal);
  begun.defer(async () => {
    // Those that are not ready yet too.
    ended.abort();
    await Promise.all([...processes.values()].map((process) => process.kill()));
  });
  return {
    directory,
    kafka,
    postgres,
    clickhouse,
    redis,
    secret: SECRET,
    environment,
    processes,
    dataOf: (name) => join(directory, name),
    async start(name, role, own = {}, program = {}) {
      const data = join(directory, name);
      // As they are started they need not start themselves anew for them.
      const nodeFlags = [...NODE_FLAGS, ...(program.nodeFlags ?? [])];
      const options = { ...program, nodeFlags, data, environment: { ...environment, ...own }, signal };
      const launched = await startRole(role, options);
      processes.set(name, launched);
      return launched;
    },
    async standBy(name, own = {}) {
      const data = join(directory, name);
      const standing = await startStandby({
        nodeFlags: NODE_FLAGS,
        data,
        environment: { ...environment, ...own },
        signal,
      });
      return {
        ...standing,
        async begin() {
          const launched = await standing.begin();
          processes.set(name, launched);
          return launched;
        },
      };
    },
    forget: (name) => void processes.delete(name),
    dispose: () => begun.disposeAsync(),
  };
}

async function startChdb(path: string): Promise<ChdbProcess> {
  const environment = process.env;
  const onFault = (): void => undefined;
  const chdb = createChdbProcess({ path, environment, clock: systemClock, logger: silentLogger, onFault });
  await chdb.start();
  return chdb;
}
