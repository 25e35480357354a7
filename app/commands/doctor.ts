import { existsSync, statfsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { isMillraceError, type MillraceError } from "../../core/errors.ts";
import { clickHouseTarget, parseClickHouseUrl } from "../../sinks/clickhouse/clickhouse-target.ts";
import { checkServer } from "../../sinks/clickhouse/server-place.ts";
import { openDataDirectory } from "../data-directory.ts";
import { isFree } from "../require-free-ports.ts";
import { connectApi } from "./api-client.ts";
import { EXIT } from "./output.ts";
import type { Overview } from "../../core/overview.ts";
import type { Config } from "../config.ts";

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly text: string;
  readonly remedy?: string;
}

const FREE_BYTES_MIN = 2 * 1024 ** 3;

/** `millrace doctor`: one line per check; exit code 1 when something needs doing. */
export async function doctorCommand(options: { json: boolean; config: Config }): Promise<number> {
  const { config } = options;
  const running = await checkRunning(config);
  const findings = [
    checkNode(),
    await checkClickHouse(config),
    checkDisk(config),
    ...running.findings,
    ...(running.isUp
      ? []
      : [
          checkDataDirectory(config),
          await checkPort(config.host, config.mqttPort, "--mqtt-port"),
          await checkPort(config.host, config.ingestPort, "--ingest-port"),
          ...(config.tlsCert === undefined
            ? []
            : [await checkPort(config.host, config.mqttTlsPort, "--mqtt-tls-port")]),
          await checkPort(config.host, config.httpPort, "--http-port"),
        ]),
  ];
  if (options.json) console.log(JSON.stringify(findings));
  else
    for (const { ok, check, text, remedy } of findings)
      console.log(`${ok ? "ok  " : "FAIL"}  ${check.padEnd(10)}  ${text}${remedy === undefined ? "" : `. ${remedy}`}`);
  return findings.every((finding) => finding.ok) ? EXIT.ok : EXIT.failed;
}

function checkNode(): Finding {
  return { check: "node", ok: true, text: `${process.versions.node} from ${process.execPath}` };
}

async function checkClickHouse(config: Config): Promise<Finding> {
  if (!config.clickhouse) return { check: "clickhouse", ok: true, text: "switched off" };
  if (config.clickhouseUrl !== undefined) return checkClickHouseServer(config.clickhouseUrl);
  try {
    createRequire(import.meta.url).resolve("chdb");
    return { check: "clickhouse", ok: true, text: "the embedded ClickHouse is installed" };
  } catch (error) {
    const text = isMillraceError(error) ? error.message : "chdb is not installed";
    return { check: "clickhouse", ok: false, text, remedy: "Run npm install chdb, or start with --no-clickhouse." };
  }
}

/** Whether it lets us in; whose tables it holds, the start says. */
async function checkClickHouseServer(url: string): Promise<Finding> {
  try {
    const connection = parseClickHouseUrl(url);
    await checkServer(connection, null);
    return {
      check: "clickhouse",
      ok: true,
      text: `${clickHouseTarget(connection)} answers and gives the rights it must`,
    };
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return failed("clickhouse", error);
  }
}

function failed(check: string, { message: text, remedy }: MillraceError): Finding {
  return { check, ok: false, text, ...(remedy === undefined ? {} : { remedy }) };
}

function checkDisk(config: Config): Finding {
  const folder = existsSync(config.data) ? config.data : dirname(config.data);
  if (!existsSync(folder))
    return {
      check: "disk",
      ok: false,
      text: `${folder} does not exist`,
      remedy: "Name another directory with --data.",
    };
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const text = `${(free / 1024 ** 3).toFixed(1)} GiB free at ${folder}`;
  return free >= FREE_BYTES_MIN
    ? { check: "disk", ok: true, text }
    : { check: "disk", ok: false, text, remedy: "Free some: acknowledgements stop when it is full." };
}

function checkDataDirectory(config: Config): Finding {
  if (!existsSync(config.data))
    return { check: "data", ok: true, text: `${config.data} will be made on the first start` };
  try {
    openDataDirectory(config.data).release();
    return { check: "data", ok: true, text: `${config.data} is writable, not in use, and of a known format` };
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return failed("data", error);
  }
}

async function checkPort(host: string, port: number, flag: string): Promise<Finding> {
  if (await isFree(host, port)) return { check: "port", ok: true, text: `${host}:${port} is free` };
  const remedy = `Stop what uses it, or choose another with ${flag}.`;
  return { check: "port", ok: false, text: `${host}:${port} is taken`, remedy };
}

async function checkRunning(config: Config): Promise<{ isUp: boolean; findings: Finding[] }> {
  try {
    const api = connectApi(config);
    const overview = await api.get<Overview>("/overview");
    const faults = overview.faults.map((fault): Finding => ({ check: "fault", ok: false, text: fault.text }));
    return { isUp: true, findings: [{ check: "instance", ok: true, text: `running at ${api.url}` }, ...faults] };
  } catch (error) {
    // Whether one runs cannot be seen, and its ports are no fault then.
    if (isMillraceError(error, "NOT_AUTHORIZED")) return { isUp: true, findings: [failed("instance", error)] };
    if (!isMillraceError(error, "NOT_RUNNING")) throw error;
    return { isUp: false, findings: [{ check: "instance", ok: true, text: "none is running on this data directory" }] };
  }
}
