import { fork, execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { startKafka } from "../../test/support/kafka-servers.ts";
import { bootstrapOf } from "../../deploy/kafka/kafka-cluster.ts";
import { describeMachine } from "../machine.ts";
import { kafkaPage, type KafkaReport } from "./kafka-page.ts";
import type { Figures, Measured } from "./one-run.ts";

/** `npm run bench:kafka`: one broker on this machine, each measured part in a process of its own. Linux only. */
const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "3" },
    messages: { type: "string", default: "400000" },
    "dry-run": { type: "boolean", default: false },
  },
});
const PARTS: readonly Measured[] = ["embedded", "platformatic", "kafkajs", "platformatic-peer", "kafkajs-peer"];
const DOCS = fileURLToPath(new URL("../../docs/benchmarks/", import.meta.url));
const FORMATTER = fileURLToPath(new URL("../../node_modules/.bin/oxfmt", import.meta.url));

const machine = describeMachine();
const servers = await startKafka(1);
const runs: Record<Measured, Figures[]> = {
  embedded: [],
  platformatic: [],
  kafkajs: [],
  "platformatic-peer": [],
  "kafkajs-peer": [],
};
try {
  for (let run = 1; run <= Number(values.runs); run++) {
    for (const part of PARTS) runs[part].push(await measure(part));
    console.error(`run ${run} of ${values.runs} is done`);
  }
} finally {
  await servers.stop();
}
const command = ["npm run bench:kafka", ...(process.argv.length > 2 ? ["--", ...process.argv.slice(2)] : [])].join(" ");
const date = new Date().toISOString().slice(0, 10);
const report: KafkaReport = { date, command, machine, messages: Number(values.messages), runs };
const page = kafkaPage(report);
console.log(page);
if (!values["dry-run"]) {
  mkdirSync(`${DOCS}raw`, { recursive: true });
  const files = { raw: `${DOCS}raw/kafka.json`, page: `${DOCS}kafka.md` };
  writeFileSync(files.raw, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(files.page, page);
  execFileSync(FORMATTER, Object.values(files), { stdio: "ignore" });
}

async function measure(part: Measured): Promise<Figures> {
  const child = fork(new URL("./one-run.ts", import.meta.url), [part, bootstrapOf(servers.cluster), values.messages]);
  const ended = once(child, "exit").then(() => [null]);
  const [figures]: unknown[] = await Promise.race([once(child, "message"), ended]);
  if (figures === null || typeof figures !== "object") throw new Error(`${part} ended without a result`);
  await ended;
  return figures as Figures;
}
