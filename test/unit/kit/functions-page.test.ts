import { readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createStagePartition } from "../../../engine/stage-partition.ts";
import { stageOf } from "../../support/function-run.ts";
import * as kit from "../../../kit/function.ts";
import { userDetailsOf } from "../../../kit/user-function.ts";
import type { StageFunction } from "../../../core/function.ts";

const ROOT = join(import.meta.dirname, "../../..");
const PAGE = readFileSync(join(ROOT, "docs/functions.md"), "utf8");
const SNIPPETS = [...PAGE.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, text = ""]) => text);
const SLOW = { timeout: 120_000 };

/** Below the project's folder, so that they find `millrace/function` as the package's own name, and where nothing else is compiled. */
let folder = "";

beforeAll(async () => {
  await mkdir(join(ROOT, "dist"), { recursive: true });
  folder = await mkdtemp(join(ROOT, "dist/functions-page-"));
  await Promise.all(SNIPPETS.map((text, index) => writeFile(join(folder, `snippet-${index}.ts`), text)));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe("the page about functions", () => {
  it("has snippets that the compiler takes, as users' projects are compiled", SLOW, async () => {
    expect(SNIPPETS.length).toBeGreaterThan(5);
    const config = { extends: "../../tsconfig.json", include: ["*.ts"], exclude: [] };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config));
    expect(compilerOutput(join(folder, "tsconfig.json"))).toBe("");
  });

  it("has snippets that define functions, which a stage can run together", async () => {
    const functions: StageFunction[] = [];
    for (const index of SNIPPETS.keys()) {
      const module: object = await import(join(folder, `snippet-${index}.ts`));
      functions.push(...Object.values(module).filter(isFunction));
    }
    const defining = SNIPPETS.filter((text) => /\bdefine[A-Z]\w+\(/.test(text));
    expect(functions.length).toBeGreaterThanOrEqual(defining.length);
    expect(() => createStagePartition({ stage: stageOf(...functions), partition: 0, generation: 0 })).not.toThrow();
  });
});

/** A helper as the page shows it: `// name(…): Type`, and below it a call with what it gives. */
interface Shown {
  readonly name: string;
  readonly signature: string;
  readonly call: string;
  /** Empty where the page says nothing of it. */
  readonly result: string;
}

const SHOWN = SNIPPETS.flatMap(shownIn);
const SOURCES = [...readdirSync(join(ROOT, "kit/signals")).map((name) => `signals/${name}`), "windows.ts"]
  .map((name) => readFileSync(join(ROOT, "kit", name), "utf8"))
  .join("\n");

describe("the signatures on the page about functions", () => {
  it("are there for every helper that users can import", () => {
    const helpers = Object.entries(kit).filter(
      ([name, value]) => typeof value === "function" && !name.startsWith("define"),
    );
    expect(SHOWN.map(({ name }) => name).toSorted()).toEqual(helpers.map(([name]) => name).toSorted());
  });

  it.each(SHOWN)("are those of the code: $name", ({ name, signature }) => {
    expect(signature).toBe(sourceSignature(name));
  });

  it("have calls that give what stands behind them", async () => {
    const lines = SNIPPETS.filter((text) => shownIn(text).length > 0).map((text) => {
      const head = text.slice(0, text.indexOf("// "));
      const setUp = [...text.matchAll(/^const [^]*?;$/gm)].map(([found]) => found).join("\n");
      const pairs = shownIn(text).map(({ name, call, result }) => `["${name}", ${call}, ${result || "undefined"}]`);
      return `${head}\n${setUp}\nexport const calls = [${pairs.join(",\n")}] as const;\n`;
    });
    for (const [index, text] of lines.entries()) {
      const file = join(folder, `calls-${index}.ts`);
      await writeFile(file, text);
      const { calls }: { calls: readonly [string, unknown, unknown][] } = await import(file);
      for (const [name, given, shown] of calls) if (shown !== undefined) expectShown(name, given, shown);
    }
  });
});

function shownIn(text: string): Shown[] {
  return [...text.matchAll(/^\/\/ ((\w+)\(.*)\n(\2\([^]*?);(?: \/\/ (.*))?$/gm)].map(
    ([, signature = "", name = "", call = "", result = ""]) => ({ name, signature, call, result }),
  );
}

/** As it stands in the code, in one line. */
function sourceSignature(name: string): string {
  const found = new RegExp(`^export function (${name}\\([^]*?\\): [^{]*?) \\{$`, "m").exec(SOURCES)?.[1] ?? "";
  const line = found.replaceAll(/\s+/g, " ").replaceAll(/(?<=[{;] )readonly /g, "");
  return line.replaceAll("( ", "(").replaceAll(/, \)/g, ")");
}

/** Numbers to two digits, objects as far as they are shown. */
function expectShown(name: string, given: unknown, shown: unknown): void {
  if (typeof shown === "number") expect(given, name).toBeCloseTo(shown, 2);
  else expect({ given }, name).toMatchObject({ given: shown });
}

/** What it finds wrong. */
function compilerOutput(project: string): string {
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  const { stdout } = spawnSync(process.execPath, [compiler, "--noEmit", "-p", project], { encoding: "utf8" });
  return stdout;
}

function isFunction(value: StageFunction): value is StageFunction {
  return userDetailsOf(value) !== null;
}
