import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { LIMITS } from "../../../../core/limits.ts";
import { MemorySessionStore } from "../../../support/memory-session-store.ts";
import { openSessionStore } from "../../../support/lmdb-session-store.ts";
import { type ChildLine, clientOf, everythingOf, makeCall, type StoreCall, WORKERS } from "./store-call.ts";

const CHILD = fileURLToPath(new URL("./store-child.ts", import.meta.url));
const ROUNDS = 20;

/** Lets a child work, kills it at a moment that nobody chose, and returns what it said. */
async function workAndKill(directory: string): Promise<readonly ChildLine[]> {
  const child = spawn(process.execPath, [CHILD, directory], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  let output = "";
  child.stdout.setEncoding("utf8");
  const begun = new Promise<void>((resolve) => {
    child.stdout.on("data", (chunk: string) => {
      output += chunk;
      resolve();
    });
  });
  await Promise.race([begun, exited]);
  await sleep(randomInt(150));
  child.kill("SIGKILL");
  await exited;
  // The last line may be cut off: nobody has heard what it says.
  const lines = output.slice(0, output.lastIndexOf("\n")).split("\n");
  return lines.map((line): ChildLine => JSON.parse(line));
}

/** The call that a worker had made and was not answered, null when there is none. */
async function applyAnswered(model: MemorySessionStore, worker: number, lines: readonly ChildLine[]) {
  let open: StoreCall | null = null;
  let answered = 0;
  for (const line of lines.filter((one) => one.worker === worker)) {
    if ("call" in line) open = line.call;
    else if (open !== null && "done" in line) {
      await makeCall(model, worker, open);
      answered += 1;
      open = null;
    }
  }
  return { open, answered };
}

test(
  "a store that is killed again and again has all that it answered, and nothing half done",
  { timeout: 120_000 },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "millrace-sessions-"));
    const model = new MemorySessionStore(LIMITS);
    let answers = 0;
    let halfWay = 0;
    for (let round = 0; round < ROUNDS; round++) {
      for (let worker = 0; worker < WORKERS; worker++)
        await makeCall(model, worker, { kind: "put", filter: "", disconnectedAt: null });
      const lines = await workAndKill(directory);
      const store = await openSessionStore({ directory });
      for (let worker = 0; worker < WORKERS; worker++) {
        const { open, answered } = await applyAnswered(model, worker, lines);
        answers += answered;
        const found = await everythingOf(store, worker);
        // The call that was under way may have happened, and then all of it.
        if (open !== null && found !== (await everythingOf(model, worker))) {
          halfWay += 1;
          await makeCall(model, worker, open);
        }
        expect(found, `${clientOf(worker)} in round ${round}`).toBe(await everythingOf(model, worker));
      }
      await store.stop(AbortSignal.timeout(5000));
    }
    expect(answers).toBeGreaterThan(ROUNDS * WORKERS);
    if (process.env["MILLRACE_REPORT"] !== undefined) console.log({ answers, halfWay });
    await rm(directory, { recursive: true });
  },
);
