import { relative } from "node:path";
import { run, type EventData } from "node:test";
import { spec } from "node:test/reporters";
import { pipeline } from "node:stream/promises";
import { bundleTests } from "./test-bundle.ts";

export interface TestResult {
  readonly file: string;
  readonly name: string;
  readonly passed: boolean;
  /** Why it failed. */
  readonly error?: string;
}

/**
 * Runs the tests of a project under node:test, each file in a process of its own, and prints what a person reads to `output`, unless it
 * is null. Errors: those of `bundleTests`.
 */
export async function runTests(project: string, output: NodeJS.WritableStream | null): Promise<readonly TestResult[]> {
  const files = await bundleTests(project);
  const results: TestResult[] = [];
  const stream = run({
    files,
    cwd: project,
    execArgv: ["--enable-source-maps"],
    concurrency: true,
  });
  stream.on("test:pass", (event) => results.push(resultOf(event, project)));
  stream.on("test:fail", (event) => results.push(resultOf(event, project)));
  if (output === null) for await (const _event of stream) void _event;
  else await pipeline(stream.compose(new spec()), output, { end: false });
  return results;
}

type TestEvent = EventData.TestPass | EventData.TestFail;

function resultOf({ name, file, details, skip, todo }: TestEvent, project: string): TestResult {
  const source = file === undefined ? "" : relative(project, file);
  const error = "error" in details ? details.error : undefined;
  if (error === undefined || skip !== undefined || todo !== undefined) return { file: source, name, passed: true };
  // node:test wraps what the test threw.
  const cause = error.cause instanceof Error ? error.cause : error;
  return { file: source, name, passed: false, error: cause.message };
}
