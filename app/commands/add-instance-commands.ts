import { auditCommand } from "./audit.ts";
import { clickHouseSqlCommand } from "./clickhouse-sql.ts";
import { doctorCommand } from "./doctor.ts";
import { flushCommand } from "./flush.ts";
import { migrateCommand } from "./migrate.ts";
import { apiOf, globalOptions, withInstanceOptions } from "./global-options.ts";
import { EXIT } from "./output.ts";
import { partitionsCommand } from "./partitions.ts";
import type { Command } from "commander";
import type { FlushOptions } from "./flush.ts";

const FLUSH_HELP = `
What a flushed device sends afterwards counts as late when its time is before --up-to: it is stored, but leaves closed windows and
alarms alone. There is no taking it back, so flush what was played, and leave out what is live.`;

/** `millrace audit|partitions|flush|link|clickhouse-sql|migrate|doctor`. */
export function addInstanceCommands(program: Command): void {
  withInstanceOptions(program.command("audit"))
    .description("prove from the log and the tables that every message has one outcome")
    .action(async (_options: object, command: Command) => {
      process.exitCode = await auditCommand(apiOf(command), globalOptions(command));
    });
  withInstanceOptions(program.command("partitions"))
    .description("print how far behind each consumer is, and the partitions that are behind or that nobody works on")
    .option("--all", "every partition")
    .action(async ({ all = false }: { all?: boolean }, command: Command) => {
      process.exitCode = await partitionsCommand(apiOf(command), { ...globalOptions(command), all });
    });
  withInstanceOptions(program.command("flush [devices...]"))
    .description("after a recorded file was played: move its devices' watermark to a time, so that their windows close")
    .requiredOption("--up-to <time>", "event time that has passed, ISO 8601 or UTC ms")
    .option("--all", "every device, the live ones too")
    .addHelpText("after", FLUSH_HELP)
    .action(async (devices: readonly string[], options: Omit<FlushOptions, "json">, command: Command) => {
      const { json } = globalOptions(command);
      process.exitCode = await flushCommand(() => apiOf(command), devices, { ...options, json });
    });
  withInstanceOptions(program.command("link"))
    .description("print a new sign-in link for the dashboard; it works once, within an hour")
    .action(async (_options: object, command: Command) => {
      const api = apiOf(command);
      const { code, until } = await api.send<{ code: string; until: number }>("POST", "/session/code");
      const url = `${api.url}/?code=${code}`;
      console.log(globalOptions(command).json ? JSON.stringify({ url, until }) : url);
      process.exitCode = EXIT.ok;
    });
  program
    .command("clickhouse-sql")
    .description("print the SQL that makes database, users and rights on a ClickHouse server")
    .option("--database <name>", "the database; users are named after it", "millrace")
    .option("--cluster <name>", "with replicated tables, on all nodes of this cluster")
    .action((options: { database: string; cluster?: string }, command: Command) => {
      process.exitCode = clickHouseSqlCommand({ ...options, json: globalOptions(command).json });
    });
  program
    .command("migrate")
    .description("move a stopped installation to Kafka, PostgreSQL and ClickHouse, and compare what came there")
    .requiredOption("--to <place>", "cluster: what MILLRACE_KAFKA_BROKERS, _DATABASE_URL and _CLICKHOUSE_URL name")
    .option("--no-clickhouse", "leave the tables behind")
    .action(async ({ to }: { to: string }, command: Command) => {
      process.exitCode = await migrateCommand({ to, ...globalOptions(command) });
    });
  program
    .command("doctor")
    .alias("status")
    .description("check this machine and the data directory, and say what to do about what is wrong")
    .option("--host <address>", "address to listen on")
    .option("--mqtt-port <port>", "MQTT port")
    .option("--ingest-port <port>", "port of telemetry over HTTP and of MQTT over WebSocket")
    .option("--http-port <port>", "port of the API and the dashboard")
    .option("--no-clickhouse", "run without tables")
    .action(async (_options: object, command: Command) => {
      process.exitCode = await doctorCommand(globalOptions(command));
    });
}
