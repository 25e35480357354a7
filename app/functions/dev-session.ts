import { globSync, readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { MillraceError, errorText, isMillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { parseSample, type CheckedEntry } from "../../kit/sample.ts";
import { formatFailure } from "../commands/failure.ts";
import { spawnThread, type SpawnedThread } from "../threads/spawn-thread.ts";
import { bundleFunctions } from "./bundle.ts";
import type { FunctionTraceApi, TracedFile } from "../threads/function-trace-api.ts";

export interface DevSessionOptions {
  readonly project: string;
  /** Only this fixture; all when absent. */
  readonly fixture?: string;
  /** How many records are shown of each file and fixture: the last ones that something came of. */
  readonly shown: number;
  readonly print: (line: string) => void;
}

type TraceThread = SpawnedThread<FunctionTraceApi>;

/** The functions of a project, run again whenever they change, in a thread of their own. */
export class DevSession {
  private readonly options: DevSessionOptions;
  private thread: TraceThread | null = null;
  private readonly ran = new Map<string, string>();

  constructor(options: DevSessionOptions) {
    this.options = options;
  }

  /** Runs over the fixtures what has changed since it ran. A mistake in a file is printed, and the others run. */
  async runChanged(): Promise<void> {
    const fixtures = this.fixtures();
    if (fixtures.length === 0)
      this.options.print("No fixtures to run over. Make one: millrace record --device DEVICE > fixtures/DEVICE.jsonl");
    for (const file of await this.bundled()) {
      for (const { name, entries, text } of fixtures) {
        const key = `${file.entry} ${name}`;
        const version = `${file.code} ${text}`;
        if (this.ran.get(key) === version) continue;
        this.ran.set(key, version);
        await this.reporting(() => this.run(file, name, entries));
      }
    }
  }

  /** Begins anew with entries that come one by one. */
  async follow(): Promise<void> {
    const files = await this.bundled();
    await this.reporting(() => this.call("follow", files));
  }

  async next(entries: readonly CheckedEntry[]): Promise<void> {
    await this.reporting(async () => {
      for (const { lines } of await this.call("next", entries)) lines.forEach(this.options.print);
    });
  }

  async end(): Promise<void> {
    await this.thread?.worker.terminate();
  }

  private async run(file: TracedFile, fixture: string, entries: readonly CheckedEntry[]): Promise<void> {
    const { print, shown, project } = this.options;
    const traces = await this.call("run", file, entries);
    const told = traces.filter(({ lines }) => lines.length > 0);
    const deadLetters = traces.reduce((sum, trace) => sum + trace.deadLetters, 0);
    print(`${relative(project, file.entry)} over ${fixture}: ${summary(entries.length, told.length, deadLetters)}`);
    if (told.length > shown) print(`  … ${told.length - shown} records before these`);
    for (const { lines } of told.slice(-shown)) for (const line of lines) print(`  ${line}`);
  }

  private fixtures(): readonly { name: string; entries: readonly CheckedEntry[]; text: string }[] {
    const { project, fixture = "*" } = this.options;
    return globSync(`fixtures/${fixture}.jsonl`, { cwd: project })
      .toSorted()
      .flatMap((path) => {
        try {
          const text = readFileSync(join(project, path), "utf8");
          return [{ name: basename(path, ".jsonl"), entries: parseSample(text), text }];
        } catch (error) {
          this.options.print(`${path}: ${errorText(error)}`);
          return [];
        }
      });
  }

  private async bundled(): Promise<readonly TracedFile[]> {
    const files: TracedFile[] = [];
    const entries = globSync("functions/*.ts", { cwd: this.options.project, exclude: ["**/*.test.ts"] });
    for (const path of entries.toSorted()) {
      const entry = join(this.options.project, path);
      const made = await this.reporting(async () => {
        const { code, sourceMap } = await bundleFunctions(entry);
        files.push({ entry, code, sourceMap });
      });
      // What is right again runs again, though it is what it was.
      if (!made) this.forget(entry);
    }
    return files;
  }

  /** A thread that has not answered runs a function that does not end: it is ended, and the next call has a new one. */
  private async call<Name extends keyof FunctionTraceApi>(
    name: Name,
    ...args: Parameters<FunctionTraceApi[Name]>
  ): Promise<Awaited<ReturnType<FunctionTraceApi[Name]>>> {
    this.thread ??= this.spawn();
    try {
      return await this.thread.call(name, ...args);
    } catch (error) {
      if (!isMillraceError(error, "TIMED_OUT")) throw error;
      await this.thread?.worker.terminate();
      this.thread = null;
      throw new MillraceError("TIMED_OUT", `a function has not come to an end within ${LIMITS.functionLoadMsMax} ms`, {
        cause: error,
        remedy: "Look for a loop that does not end.",
      });
    }
  }

  private spawn(): TraceThread {
    const waitMs = LIMITS.functionLoadMsMax;
    const ended = (): void => void (this.thread = null);
    return spawnThread<FunctionTraceApi>("./function-trace.ts", {}, [], ended, { run: waitMs, follow: waitMs });
  }

  private forget(entry: string): void {
    for (const key of this.ran.keys()) if (key.startsWith(`${entry} `)) this.ran.delete(key);
  }

  /** False when it failed, and that is printed. */
  private async reporting(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.options.print(
        isMillraceError(error) ? formatFailure(error, false).replace(/^millrace: /, "") : errorText(error),
      );
      return false;
    }
  }
}

function summary(records: number, told: number, deadLetters: number): string {
  if (told === 0 && deadLetters === 0)
    return `${records} records, none with a result: none is of a device that "select" names and has what "input" asks for, or nothing was made of them`;
  const dead = deadLetters === 0 ? "" : `, ${deadLetters} dead letters`;
  return `${records} records, ${told} with results${dead}`;
}
