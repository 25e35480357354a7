import { treeMegabytes } from "../../bench/process-tree.ts";
import { instanceApi } from "../support/replay-run.ts";
import type { Instance } from "../support/instance.ts";

const LOOK_EVERY_MS = 2000;
/** Defects of ours, by the counters of the two ways in. */
const DEFECTS =
  /^(millrace_mqtt_refused_total\{reason="internal"\}|millrace_http_requests_total\{outcome="internal"\}) ([1-9]\d*)/gm;
const PINO_ERROR = 50;

/** Looks all the while whether the instance is as well as it was, and tells of everything that is not. */
export class GatewayWatch {
  /** MB, the log's map left out; 0 before `warm`. */
  warmMegabytes = 0;
  peakMegabytes = 0;
  readonly #instance: Instance;
  readonly #data: string;
  readonly #growthMegabytesMax: number;
  readonly #onFinding: (text: string) => void;
  readonly #told = new Set<string>();
  #stderrRead = 0;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<unknown> = Promise.resolve();

  constructor(instance: Instance, data: string, growthMegabytesMax: number, onFinding: (text: string) => void) {
    this.#instance = instance;
    this.#growthMegabytesMax = growthMegabytesMax;
    this.#data = data;
    this.#onFinding = onFinding;
  }

  /** From here on memory counts. */
  warm(): void {
    this.warmMegabytes = treeMegabytes(this.#instance.pid, "Rss", "/log.mdb");
    this.peakMegabytes = this.warmMegabytes;
  }

  start(): void {
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY_MS);
  }

  /** Resolves when nothing is looked at any more: what the end of the instance does to a look is no finding. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  /** One after the other. */
  look(): Promise<void> {
    const look = this.#looking.then(() => this.#look());
    this.#looking = look;
    return look;
  }

  async #look(): Promise<void> {
    this.#readErrors();
    if (this.#instance.hasEnded()) return this.#tell("the process has ended");
    if (this.warmMegabytes > 0) this.#lookAtMemory();
    try {
      for (const [line] of (await instanceApi(this.#data).metrics()).matchAll(DEFECTS)) this.#tell(line);
    } catch (error) {
      this.#tell(`metrics: ${String(error)}`);
    }
  }

  #lookAtMemory(): void {
    const megabytes = treeMegabytes(this.#instance.pid, "Rss", "/log.mdb");
    this.peakMegabytes = Math.max(this.peakMegabytes, megabytes);
    if (megabytes > this.warmMegabytes + this.#growthMegabytesMax)
      this.#tell(`memory has grown by more than ${this.#growthMegabytesMax} MB`);
  }

  #readErrors(): void {
    const text = this.#instance.stderr();
    const end = text.lastIndexOf("\n") + 1;
    const lines = text.slice(this.#stderrRead, end).split("\n");
    this.#stderrRead = Math.max(end, this.#stderrRead);
    for (const line of lines) if (line !== "" && isError(line)) this.#tell(line);
  }

  #tell(text: string): void {
    if (this.#told.has(text)) return;
    this.#told.add(text);
    this.#onFinding(text);
  }
}

/** What is no line of the log is the crash of a process. */
function isError(line: string): boolean {
  if (!line.startsWith("{")) return true;
  const { level }: { level: number } = JSON.parse(line);
  return level >= PINO_ERROR;
}
