import { importsOf } from "./imports.ts";
import { isTest, type TidyRule } from "./source-tree.ts";

/** Where a package may be imported: folders. Packages that are not named may be imported nowhere outside test and bench. */
const ROOMS_OF: Readonly<Record<string, readonly string[]>> = {
  "@redis/client": ["broker/redis/"],
  ws: ["broker/", "dashboard/"],
  lmdb: ["log/embedded/", "broker/lmdb/"],
  "@platformatic/kafka": ["log/kafka/"],
  kafkajs: ["log/kafka/"],
  "@node-rs/crc32": ["log/"],
  "node:sqlite": ["registry/", "runtime/cold-file.ts"],
  kysely: ["registry/"],
  pg: ["registry/postgres/"],
  "@clickhouse/client": ["sinks/clickhouse/"],
  chdb: ["sinks/clickhouse/"],
  fastify: ["api/"],
  "@grpc/grpc-js": ["api/scaler/"],
  "@grpc/proto-loader": ["api/scaler/"],
  "@fastify/static": ["api/"],
  "@fastify/swagger": ["api/"],
  "@fastify/swagger-ui": ["api/"],
  "fastify-type-provider-zod": ["api/"],
  mqtt: ["device-sim/", "sinks/forward/"],
  "mqtt-packet": ["device-sim/replay/", "sinks/forward/"],
  "csv-parse": ["device-sim/"],
  preact: ["dashboard/web/"],
  "@preact/signals": ["dashboard/web/"],
  uplot: ["dashboard/web/"],
  commander: ["app/"],
  koffi: ["app/memory/system-memory.ts"],
  pino: ["app/"],
  yaml: ["registry/"],
  esbuild: ["app/functions/", "app/thread-bundle/"],
  vite: ["app/", "dashboard/web/"],
  "@preact/preset-vite": ["dashboard/web/"],
  vitest: ["vitest.config.ts"],
  // What users write: they have Millrace as a package.
  millrace: ["examples/", "app/functions/template/"],
};

/** Exceptions, each with its reason. */
const EXCEPTIONS: readonly { readonly vendor: string; readonly path: string; readonly reason: string }[] = [
  { vendor: "zod", path: "", reason: "shapes are zod schemas in core; every room checks its input with them" },
  { vendor: "csv-parse", path: "registry/device-import", reason: "devices are imported from CSV files" },
  {
    vendor: "node:sqlite",
    path: "app/data-directory.ts",
    reason: "SQLite's file lock is the one that the system drops with a killed process; nothing is stored in it",
  },
  { vendor: "yaml", path: "device-sim/csv/", reason: "a replay's mapping may be a YAML file" },
  {
    vendor: "@node-rs/crc32",
    path: "wire/",
    reason: "record batches carry their crc32c, and wire/ makes and reads them",
  },
];

export const vendorRule: TidyRule = (files) =>
  files
    .filter((file) => !isTest(file))
    .flatMap(importsOf)
    .flatMap(({ where, from, vendor }) => {
      if (vendor === null || (vendor.startsWith("node:") && ROOMS_OF[vendor] === undefined)) return [];
      const atHome = ROOMS_OF[vendor]?.some((room) => from.startsWith(room)) ?? false;
      const excepted = EXCEPTIONS.some((exception) => exception.vendor === vendor && from.startsWith(exception.path));
      if (atHome || excepted) return [];
      return [`${where}: ${vendor} belongs in ${ROOMS_OF[vendor]?.join(" or ") ?? "no room (see vendor-rule.ts)"}`];
    });
