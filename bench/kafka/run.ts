import { fork } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { startKafka } from "../../test/support/kafka-servers.ts";
import { bootstrapOf } from "../../deploy/kafka/kafka-cluster.ts";
import { commandLine, describeMachine } from "../machine.ts";
import { writeReport } from "../write-report.ts";
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
const report: KafkaReport = { ...commandLine("npm run bench:kafka"), machine, messages: Number(values.messages), runs };
const page = kafkaPage(report);
console.log(page);
if (!values["dry-run"]) writeReport("kafka", report, page);

async function measure(part: Measured): Promise<Figures> {
  const child = fork(new URL("./one-run.ts", import.meta.url), [part, bootstrapOf(servers.cluster), values.messages]);
  const ended = once(child, "exit").then(() => [null]);
  const [figures]: unknown[] = await Promise.race([once(child, "message"), ended]);
  if (figures === null || typeof figures !== "object") throw new Error(`${part} ended without a result`);
  await ended;
  return figures as Figures;
}
