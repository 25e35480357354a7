import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createStagePartition } from "../../../engine/stage-partition.ts";
import { stageOf } from "../../support/function-run.ts";
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
    expect(functions.length).toBeGreaterThanOrEqual(SNIPPETS.length);
    expect(() => createStagePartition({ stage: stageOf(...functions), partition: 0, generation: 0 })).not.toThrow();
  });
});

/** What it finds wrong. */
function compilerOutput(project: string): string {
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  const { stdout } = spawnSync(process.execPath, [compiler, "--noEmit", "-p", project], { encoding: "utf8" });
  return stdout;
}

function isFunction(value: StageFunction): value is StageFunction {
  return userDetailsOf(value) !== null;
}
