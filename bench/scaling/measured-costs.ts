import { encodeRecordBatch } from "../../wire/record-batch-writer.ts";
import { T0, telemetryRecord } from "../functions/station-records.ts";
import { fitExponent } from "../growth/fit-exponent.ts";
import { median } from "../statistics.ts";
import { figureOf, scaled, sumOf, type Figure } from "./figure.ts";
import { readRaw, type RawFile } from "./raw-files.ts";

/** Metrics of a message in every benchmark that the figures are read from. */
export const MEASURED_METRICS = 6;

/** What one message, row or connection costs. CPU in seconds of one core. */
export interface Costs {
  /** CPU of a gateway: a message of a connection that sends one at a time, to PUBACK, with the log on Kafka. */
  readonly gatewayMessage: Figure;
  /** CPU of a gateway: TCP connection to CONNACK, the token looked up in memory. */
  readonly connect: Figure;
  /** The same with TLS 1.3 and a new session, or one that is resumed. */
  readonly connectTls: Figure;
  readonly connectTlsResumed: Figure;
  /** Resident bytes of a gateway. */
  readonly connectionBytes: Figure;
  /** CPU of a processors thread: fetched from Kafka, stage `main`, its outputs produced to Kafka. */
  readonly stageMessage: Figure;
  /** CPU of a functions thread: a `defineMap`. */
  readonly functionMessage: Figure;
  /** Outputs of stage `main`. */
  readonly outputs: Figure;
  /** Time of the one sink by the clock, from the log until ClickHouse has it: nothing else is inserted meanwhile. */
  readonly sinkRow: Figure;
  /** CPU of ClickHouse with roll-ups and merges. */
  readonly clickhouseRow: Figure;
  /** CPU of the one `api` thread, which follows every reading. */
  readonly hubMessage: Figure;
  /** CPU of ClickHouse for one metric of one device, ten minutes. */
  readonly question: Figure;
  /** On disk, of all tables. */
  readonly rowBytes: Figure;
  /** Of a message as it lies in `telemetry`, of what stage `main` makes of it, and of its journal. */
  readonly telemetryBytes: number;
  readonly outputBytes: Figure;
  readonly journalBytes: Figure;
  /** How a message's cost grows with the devices of a thread, and up to how many that was measured. */
  readonly growth: { readonly exponent: number; readonly devices: number };
}

/** Read from docs/benchmarks/raw, and from nowhere else. */
export function readCosts(): Costs {
  const functions = readRaw("functions");
  const dearest = functions.runs.stock.filter(({ partitions }) => partitions === 1);
  const perMessage = (of: (run: (typeof dearest)[number]) => number) => dearest.map((run) => of(run) / run.messages);
  const outputs = figureOf(
    "functions.json, stock, 1 partition",
    perMessage((run) => run.outputs),
  );
  return {
    ...edgeCosts(),
    outputs,
    ...stageCosts(functions, outputs.mid),
    ...tableCosts(),
    hubMessage: figureOf(
      "end-to-end.json, pipelined, thread of services",
      readRaw("end-to-end").rounds.map(
        ({ pipelined }) => (pipelined.cpuSecondsByThread["main: services"] ?? 0) / pipelined.messages,
      ),
    ),
    telemetryBytes: telemetryBytes(),
    outputBytes: figureOf(
      "functions.json, stock, 1 partition",
      perMessage((run) => run.outputBytes),
    ),
    journalBytes: figureOf(
      "functions.json, stock, 1 partition",
      perMessage((run) => run.unitBytes),
    ),
  };
}

type EdgeCosts = "gatewayMessage" | "connect" | "connectTls" | "connectTlsResumed" | "connectionBytes";

function edgeCosts(): Pick<Costs, EdgeCosts> {
  const { ours } = readRaw("ingest").idle.results;
  const { runs } = readRaw("connects");
  const connects = (kind: string): Figure =>
    figureOf(
      `connects.json, ${kind}`,
      runs.filter((run) => run.kind === kind).map(({ cpuSeconds, connects: count }) => cpuSeconds / count),
    );
  return {
    gatewayMessage: figureOf(
      "ingest-kafka.json, single, full load",
      readRaw("ingest-kafka").rounds.map(({ results }) => {
        const { serverCpuSeconds, messages } = results.single.ours.full.usage;
        return serverCpuSeconds / messages;
      }),
    ),
    connect: connects("tcp"),
    connectTls: connects("tls"),
    connectTlsResumed: connects("tls-resumed"),
    connectionBytes: figureOf("ingest.json, idle connections", [ours.rssKilobytesPerConnection * 1000]),
  };
}

function stageCosts(
  { runs: { stock, map } }: RawFile<"functions">,
  outputs: number,
): Pick<Costs, "stageMessage" | "functionMessage" | "growth"> {
  const cost = (runs: typeof map): readonly number[] =>
    runs.filter(({ partitions }) => partitions === 1).map(({ cpuSeconds, messages }) => cpuSeconds / messages);
  const kafka = readRaw("kafka").runs.platformatic;
  const perMessage = (name: string): Figure =>
    figureOf(
      `kafka.json, ${name}`,
      kafka.flatMap((run) => (run[name] === undefined ? [] : [1 / run[name].value])),
    );
  const fetched = perMessage("fetch, messages with eight headers");
  const produced = perMessage("produce, messages with eight headers");
  const engine = figureOf("functions.json, stock, 1 partition", cost(stock));
  const mapped = figureOf("functions.json, map, 1 partition", cost(map));
  return {
    stageMessage: sumOf("functions.json, stock, 1 partition; kafka.json, fetch and produce, eight headers", [
      engine,
      fetched,
      scaled(produced, outputs),
    ]),
    functionMessage: sumOf("functions.json, map, 1 partition; kafka.json, fetch and produce, eight headers", [
      mapped,
      fetched,
      produced,
    ]),
    growth: growthOfDevices(),
  };
}

/** A cost that falls with the size is taken to stay. */
function growthOfDevices(): Costs["growth"] {
  const sizes = readRaw("growth").curves.devices?.sizes ?? [];
  if (sizes.length < 2) throw new Error("growth.json has no curve of devices: npm run bench -- growth --only devices");
  const points = sizes.map(({ size, runs }) => {
    return { size, cost: median(runs.map(({ cpuSeconds, messages }) => cpuSeconds / messages)) };
  });
  return { exponent: Math.max(0, fitExponent(points)), devices: Math.max(...sizes.map(({ size }) => size)) };
}

function tableCosts(): Pick<Costs, "sinkRow" | "clickhouseRow" | "question" | "rowBytes"> {
  const full = readRaw("tables").cases.find(({ place, live, rollups }) => place === "server" && !live && rollups);
  const runs = full?.runs ?? [];
  const { history } = readRaw("growth");
  const largest = history?.sizes.at(-1);
  if (history === undefined || largest === undefined)
    throw new Error("growth.json has no history: npm run bench -- growth --only history");
  return {
    sinkRow: figureOf(
      "tables.json, server, catching up, by the clock",
      runs.map(({ seconds, rows }) => seconds / rows),
    ),
    clickhouseRow: figureOf(
      "tables.json, server, catching up",
      runs.map(({ clickhouseCpuSeconds, rows }) => clickhouseCpuSeconds / rows),
    ),
    question: figureOf(
      "growth.json, history, largest",
      largest.rounds.map(({ queryCpuSeconds, queries }) => queryCpuSeconds / queries),
    ),
    rowBytes: figureOf(
      "growth.json, history",
      history.sizes.map(({ filled }) => filled.allBytesPerRow),
    ),
  };
}

/** Not measured but made: 500 messages of the benchmarks, as the gateway appends them. */
function telemetryBytes(): number {
  const count = 500;
  const records = Array.from({ length: count }, (_, index) => telemetryRecord(index, count, T0));
  return encodeRecordBatch(records, 0).length / count;
}
