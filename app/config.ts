import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { z } from "zod";
import { MillraceError } from "../core/errors.ts";
import type { EdgeLimitSettings } from "../core/edge-limits.ts";
import { LIMITS } from "../core/limits.ts";
import { readEdgeLimits } from "./edge-limit-settings.ts";
import { environmentName } from "./environment-name.ts";
import { flag } from "./flag.ts";
import { KAFKA_SASL } from "./kafka-sasl.ts";
import { kebabCase } from "./kebab-case.ts";
import { checkForward, forwardSettings } from "./forward-settings.ts";
import { ROLE_PATTERN } from "./roles.ts";
import { rollupSettings } from "./rollup-settings.ts";
import { standbySettings } from "./standby.ts";
import { readTracingTarget, tracingSettings, type TracingTarget } from "./tracing/tracing-settings.ts";
import { wholeNumber } from "./whole-number.ts";

const port = wholeNumber(0, 65_535);

/**
 * Every setting: its name here, its environment variable (`MILLRACE_` + upper snake case) and its default. Flags of the command line
 * win over the environment. `docs/configuration.md` is generated from this table.
 */
const settings = {
  role: z
    .string()
    .regex(ROLE_PATTERN, "it is all, or some of gateway,processors,sinks,api")
    .default("all")
    .describe("What this process does; roles on their own need stores that all processes share, see operating.md."),
  release: z
    .string()
    .regex(/^[\w.+-]{1,64}$/, "it is up to 64 letters, digits, dots, underscores, hyphens and plus signs")
    .optional()
    .describe("What `millrace_build_info` calls this release, such as the image's tag; absent: the package's version."),
  data: z.string().min(1).default("data").describe("Data directory."),
  host: z
    .string()
    .min(1)
    .default("127.0.0.1")
    .describe("Address to listen on. Anything but loopback needs tlsCert, or allowPlaintext."),
  mqttPort: port.default(1883).describe("MQTT port; 0 picks a free one."),
  mqttTlsPort: port.default(8883).describe("Port of MQTT over TLS, where tlsCert is set; 0 picks a free one."),
  ingestPort: port
    .default(8081)
    .describe("Port of telemetry over HTTP and of MQTT over WebSocket; 0 picks a free one."),
  httpPort: port.default(8080).describe("Port of the API and the dashboard; 0 picks a free one."),
  scalerPort: port
    .optional()
    .describe(
      "Port on which KEDA asks how many pods a stage needs (gRPC without TLS; role api, on Kafka); nobody is answered when absent, 0 picks a free one. See autoscaling.md.",
    ),
  allowPlaintext: flag.default(false).describe("Accept other addresses than loopback without TLS."),
  tlsCert: z
    .string()
    .optional()
    .describe("PEM file of the certificate that devices are shown; see connecting-devices.md."),
  tlsKey: z.string().optional().describe("PEM file of its key."),
  tlsClientCa: z
    .string()
    .optional()
    .describe("PEM file of the authority whose certificates devices may sign in with instead of a token."),
  tlsClientCertRequired: flag.default(false).describe("Let nobody in over TLS without such a certificate."),
  tenant: z.string().default("default").describe("Tenant of the local installation."),
  partitions: wholeNumber(1, LIMITS.partitionsMax)
    .default(32)
    .describe("Partitions per topic; fixed when the data directory is made."),
  processorThreads: wholeNumber(1, 64)
    .default(Math.max(1, Math.min(4, availableParallelism() - 1)))
    .describe(
      "Threads of the main stage, which runs the stock functions (clean, aggregate, alarm) on a share of the partitions each.",
    ),
  footprint: z
    .enum(["normal", "small"], { error: "it is normal or small" })
    .default("normal")
    .describe("small: take little memory, at some cost of speed; processorThreads is 1 unless said. See edge.md."),
  autoscale: z
    .enum(["off", "dry-run", "on"], { error: "it is off, dry-run or on" })
    .default("off")
    .describe(
      "dry-run: say and count how many processor threads the load would need. on: that, and run users' functions in as many threads as they need, 0 to functionThreads; see autoscaling.md.",
    ),
  functionTimeoutMs: wholeNumber(10, 3_600_000)
    .default(LIMITS.functionTimeoutMsDefault)
    .describe("CPU time that one call of a user's function may take, ms, before its thread is ended."),
  functionMemoryMib: wholeNumber(16, 65_536)
    .default(LIMITS.functionMemoryMibDefault)
    .describe("What a thread of users' functions may keep on its heap from one call to the next, MiB."),
  functionThreads: wholeNumber(1, 64)
    .default(1)
    .describe("Threads that run users' functions; none before the first one is deployed."),
  stateMemoryMib: wholeNumber(1, 1_048_576)
    .optional()
    .describe(
      "Memory that the state of devices may take in each thread that has some (main stage and users' functions), MiB. What is above it, unused for longest, lies in a file in the data directory. Absent: half of the heap that the thread may have.",
    ),
  clickhouse: flag
    .default(true)
    .describe("Keep tables in ClickHouse: the embedded one, or the server of clickhouseUrl."),
  logBytesMax: wholeNumber(64 * 1024 * 1024, Number.MAX_SAFE_INTEGER)
    .default(LIMITS.logBytesDefault)
    .describe("Size ceiling of the log, bytes."),
  logRetentionHours: z.coerce
    .number({ error: "it is a number above 0" })
    .positive("it is a number above 0")
    .default(LIMITS.logRetentionMsDefault / 3_600_000)
    .describe("Age after which the log forgets what every consumer has."),
  installationSecret: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "it is 64 hexadecimal digits")
    .optional()
    .describe(
      "The same in all processes of an installation; absent: made on first start and kept in the data directory.",
    ),
  databaseUrl: z
    .url({ protocol: /^postgres(ql)?$/, error: "it is a URL of the form postgres://user:password@host:port/database" })
    .optional()
    .describe(
      "Keep the registry in this PostgreSQL database instead of a file in the data directory; see operating.md.",
    ),
  kafkaBrokers: z
    .string()
    .regex(/^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$/, "it is a list of the form host:port,host:port")
    .optional()
    .describe("Keep the log on these Kafka brokers instead of in the data directory; see operating.md."),
  kafkaClient: z
    .enum(["platformatic", "kafkajs"], { error: "it is platformatic or kafkajs" })
    .default("platformatic")
    .describe("Client library whose connections are used."),
  kafkaPrefix: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,100}$/, "it is up to 100 letters, digits, dots, underscores and hyphens")
    .default("millrace.")
    .describe("In front of the names of topics and consumer groups: one per installation."),
  kafkaReplication: wholeNumber(1, 100)
    .optional()
    .describe("Copies of every partition; absent: the default of the brokers."),
  kafkaCreateTopics: flag.default(true).describe("Make the topics that are missing."),
  kafkaCompression: z
    .enum(["none", "zstd", "gzip"], { error: "it is none, zstd or gzip" })
    .default("none")
    .describe("How record batches are compressed; see operating.md."),
  kafkaTls: flag.default(false).describe("Connect to the brokers with TLS."),
  kafkaTlsCa: z.string().optional().describe("PEM file of the certificate authority of the brokers."),
  kafkaTlsCert: z.string().optional().describe("PEM file of the certificate with which to sign in."),
  kafkaTlsKey: z.string().optional().describe("PEM file of its key."),
  kafkaSasl: KAFKA_SASL.optional().describe("How to sign in to the brokers."),
  kafkaUser: z.string().optional().describe("User for PLAIN and SCRAM."),
  kafkaPassword: z.string().optional().describe("Its password."),
  kafkaTokenFile: z
    .string()
    .optional()
    .describe("File with the token for OAUTHBEARER; read again for every connection."),
  redisUrl: z
    .url({ protocol: /^rediss?$/, error: "it is a URL of the form redis://user:password@host:port" })
    .optional()
    .describe(
      "Reach the other gateways of the installation through this Redis, and keep sessions there; see operating.md.",
    ),
  clickhouseUrl: z
    .url({ protocol: /^https?$/, error: "it is a URL of the form http://user:password@host:8123/database" })
    .optional()
    .describe("Keep the tables in this ClickHouse server instead of the embedded one; see operating.md."),
  ...rollupSettings,
  ...forwardSettings,
  webhookUrl: z
    .url({ protocol: /^https?$/, error: "it is a URL that begins with http:// or https://" })
    .optional()
    .describe("Where alarms and platform faults are posted."),
  webhookSecret: z
    .string()
    .min(16, "it has at least 16 characters")
    .optional()
    .describe("Signs webhooks; made on first start when absent."),
  ...tracingSettings,
  ...standbySettings,
  logLevel: z
    .enum(["debug", "info", "warn", "error"], { error: "it is debug, info, warn or error" })
    .default("info")
    .describe("Least severity that is logged; on a terminal the default is warn."),
};

/** Their values stay out of messages, which end up in logs; they have no flags: command lines can be read by others on the machine. */
const SECRETS: readonly string[] = [
  "installationSecret",
  "databaseUrl",
  "kafkaPassword",
  "redisUrl",
  "clickhouseUrl",
  "forwardToken",
  "webhookSecret",
];

const configSchema = z.object(settings);
type Settings = z.infer<typeof configSchema>;
export type Config = Settings & {
  /** See `readEdgeLimits`. */
  readonly edgeLimits: EdgeLimitSettings;
  /** Where spans go; null where nothing is traced. */
  readonly tracing: TracingTarget | null;
};

/** Flags as commander gives them: camel case, absent when not typed. */
export type ConfigFlags = Partial<Record<keyof Settings, unknown>>;

/**
 * The only reader of the environment. `defaults` are a command's own, for what neither a flag nor the environment says. CONFIG_INVALID
 * names the setting, the value and what is allowed.
 */
export function readConfig(
  flags: ConfigFlags,
  defaults: ConfigFlags = {},
  environment: NodeJS.ProcessEnv = process.env,
): Config {
  const given: Record<string, unknown> = { ...defaults };
  for (const name of Object.keys(settings)) {
    const value = Object.hasOwn(flags, name) ? flags[name as keyof Settings] : environment[environmentName(name)];
    if (value !== undefined && value !== "") given[name] = value;
  }
  if (given["footprint"] === "small") given["processorThreads"] ??= 1;
  const parsed = configSchema.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = String(issue?.path[0] ?? "");
    throw new MillraceError(
      "CONFIG_INVALID",
      `${shown(name, given[name])} is no value for ${kebabCase(name)}: ${issue?.message ?? "it is not allowed"}`,
      {
        remedy: SECRETS.includes(name)
          ? `Correct ${environmentName(name)}.`
          : `Correct --${kebabCase(name)} or ${environmentName(name)}.`,
      },
    );
  }
  const tracing = readTracingTarget(parsed.data, environment);
  const footprintLimits = parsed.data.footprint === "small" ? SMALL_EDGE_LIMITS : {};
  const edgeLimits = { ...footprintLimits, ...readEdgeLimits(environment) };
  const config = { ...parsed.data, data: resolve(parsed.data.data), edgeLimits, tracing };
  checkTls(config);
  checkForward(config);
  return config;
}

const SMALL_EDGE_LIMITS: EdgeLimitSettings = { idempotencyKeysMax: LIMITS.smallIdempotencyKeysMax };

function checkTls({ host, allowPlaintext, tlsCert, tlsKey, tlsClientCa, tlsClientCertRequired }: Config): void {
  const refuse = (text: string, remedy: string): never => {
    throw new MillraceError("CONFIG_INVALID", text, { remedy });
  };
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    refuse("a certificate and its key belong together", "Set both --tls-cert and --tls-key.");
  if (tlsClientCa !== undefined && tlsCert === undefined)
    refuse("certificates of clients need TLS", "Set --tls-cert and --tls-key too.");
  if (tlsClientCertRequired && tlsClientCa === undefined)
    refuse("nobody says whose certificates are required", "Set --tls-client-ca.");
  if (!isLoopback(host) && !allowPlaintext && tlsCert === undefined) {
    refuse(
      `host ${host} is not a loopback address, and there is no TLS`,
      "Listen on 127.0.0.1, set --tls-cert and --tls-key, put a TLS proxy in front, or say --allow-plaintext if the network is trusted.",
    );
  }
}

/** Where that listens which has no TLS: on this machine only, unless plain text is allowed elsewhere. */
export function plainHost({ host, allowPlaintext }: Config): string {
  return allowPlaintext || isLoopback(host) ? host : "127.0.0.1";
}

/** The environment as it was given: for settings of a command of its own, and for child processes, which take the names they need. */
export function givenEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env };
}

function shown(name: string, value: unknown): string {
  return SECRETS.includes(name) ? "what was given" : JSON.stringify(value);
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Settings with variable, default and meaning, for the generated reference. */
export function configReference(): { name: string; variable: string; fallback: string; meaning: string }[] {
  return Object.entries(settings).map(([name, schema]) => {
    const fallback =
      name === "processorThreads" ? "cores − 1, at most 4" : JSON.stringify(schema.safeParse(undefined).data ?? null);
    return { name: flagOf(name), variable: environmentName(name), fallback, meaning: schema.description ?? "" };
  });
}

/** Empty for a secret. */
function flagOf(name: string): string {
  if (SECRETS.includes(name)) return "";
  return name === "clickhouse" ? "`--no-clickhouse`" : `\`--${kebabCase(name)}\``;
}
