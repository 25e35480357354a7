import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startInstance, temporaryDirectory, type Instance } from "../support/instance.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";

/** The tutorial, word for word: its files, its commands, and what it says that they print. */
const ROOT = join(import.meta.dirname, "../..");
const PAGE = readFileSync(join(ROOT, "docs/tutorial-functions.md"), "utf8");
const SETTLE_MS = 90_000;

interface Block {
  readonly language: string;
  readonly file: string | undefined;
  readonly text: string;
}

const blocks: readonly Block[] = Array.from(
  PAGE.matchAll(/```(\w+)(?: file=(\S+))?\n([\s\S]*?)```/g),
  ([, language = "", file, text = ""]) => ({ language, file, text }),
);

describe.skipIf(!hasChdb())(`the tutorial of functions ${CHDB_TITLE}`, { timeout: 400_000 }, () => {
  const directory = temporaryDirectory();
  // As the page has them beside each other.
  const clone = join(directory.path, "millrace");
  const project = join(directory.path, "my-functions");
  let instance: Instance;
  beforeAll(async () => {
    mkdirSync(clone);
    for (const name of ["bin", "package.json", "node_modules"]) symlinkSync(join(ROOT, name), join(clone, name));
    instance = await startInstance({ data: join(clone, "data"), flags: ["--demo"] });
  }, 120_000);
  afterAll(async () => {
    await instance?.stop();
    directory.dispose();
  });

  /** As the shell of somebody who follows the page, in which npm has put tools and Millrace on the path. */
  function run(script: string, folder: string): string {
    const prelude = [
      "set -e",
      `millrace() { ${process.execPath} ${ROOT}/bin/millrace.js "$@"; }`,
      'npx() { "$@"; }',
      `npm() { case "$1 $2" in
        "run millrace") shift 3; millrace "$@";;
        "install "*) ;;
        "test "*) millrace test;;
        "run types") tsc;;
        "run lint") oxlint --deny-warnings;;
        *) echo "what is npm $*?" >&2; return 1;;
      esac; }`,
      `export PATH=${join(ROOT, "node_modules/.bin")}:$PATH MILLRACE_DATA=${join(clone, "data")}`,
    ].join("\n");
    const { status, stdout, stderr } = spawnSync("bash", ["-c", `${prelude}\n${script}`], {
      cwd: folder,
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`${script} ended with ${status}:\n${stdout}\n${stderr}`);
    return stdout;
  }

  /** Runs it until it prints what the page says: readings take a while from device to table. */
  async function runUntil(script: string, folder: string, said: readonly RegExp[]): Promise<void> {
    for (const deadline = performance.now() + SETTLE_MS; ; await sleep(1000)) {
      const printed = run(script, folder);
      const missing = said.filter((line) => !line.test(printed));
      if (missing.length === 0) return;
      if (performance.now() > deadline)
        throw new Error(`${script} does not print ${String(missing[0])}, but:\n${printed}`);
    }
  }

  test("does what it says", async () => {
    let folder = clone;
    let commands = 0;
    for (const [index, { language, file, text }] of blocks.entries()) {
      if (file !== undefined) writeFileSync(join(project, file), text);
      if (language !== "sh") continue;
      const next = blocks[index + 1];
      const said = next?.language === "text" ? next.text.trimEnd().split("\n").map(lineOf) : [];
      await runUntil(text, folder, said);
      if (text.includes("cd ../my-functions")) folder = project;
      commands += 1;
    }
    expect(commands).toBe(10);
    const fixture = readFileSync(join(project, "fixtures/cold-room-01.jsonl"), "utf8");
    expect(fixture).toContain('"configure":"cold-room-01"');
    expect(fixture.split("\n").length).toBeGreaterThan(4);
  });
});

/** A line of the page, in which … stands for anything. */
function lineOf(line: string): RegExp {
  const parts = line.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"));
  return new RegExp(parts.join(".*"));
}
