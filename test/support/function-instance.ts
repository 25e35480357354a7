import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  runMillraceAsync,
  startInstance,
  temporaryDirectory,
  type Instance,
  type InstanceOptions,
} from "./instance.ts";
import { instanceApi } from "./replay-run.ts";
import type { RawReading } from "../../core/history.ts";
import type { PartitionView } from "../../core/partition-view.ts";

const T0 = Date.now() - 1_000_000;

/** An instance that is sent numbers, each once and in order, and what functions make of them. */
export class FunctionInstance {
  /** How many numbers were sent: 0, 1, 2 … */
  sent = 0;
  private readonly directory = temporaryDirectory();
  private readonly data = join(this.directory.path, "data");
  private running: Instance | null = null;
  readonly api = instanceApi(this.data);

  get dataPath(): string {
    return this.data;
  }

  get instance(): Instance {
    if (this.running === null) throw new Error("no instance runs");
    return this.running;
  }

  async start(options: Omit<InstanceOptions, "data">): Promise<void> {
    this.running = await startInstance({ ...options, data: this.data });
  }

  async dispose(): Promise<void> {
    await this.running?.kill();
    this.directory.dispose();
  }

  async millrace(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await runMillraceAsync([...args, "--data", this.data]);
    if (code !== 0) throw new Error(`millrace ${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  deploy(text: string, ...options: readonly string[]): Promise<string> {
    const file = join(this.directory.path, "functions.ts");
    writeFileSync(file, text);
    return this.millrace("deploy", file, "--yes", "--no-shadow", ...options);
  }

  async send(count: number): Promise<void> {
    const { ingest, token } = this.instance.ready;
    for (let n = 0; n < count; n += 1, this.sent += 1) {
      const response = await fetch(`${ingest}/v1/telemetry`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ ts: T0 + this.sent * 1000, values: { n: this.sent } }),
      });
      if (!response.ok) throw new Error(`not taken: ${response.status}`);
    }
  }

  /** The values of a metric in the tables, in order. */
  async stored(metric: string): Promise<number[]> {
    const path = `/devices/${this.instance.ready.device}/readings?from=${T0}&to=${T0 + 1_000_000}&limit=1000`;
    const { items } = await this.api.get<{ items: readonly RawReading[] }>(path);
    const own = items.filter((one) => one.metric === metric);
    return own.map(({ value }) => Number(value)).toSorted((a, b) => a - b);
  }

  /** Stages of functions, by their journals. */
  async stages(): Promise<string[]> {
    const { consumers } = await this.api.get<PartitionView>("/partitions");
    return consumers.map(({ name }) => name).filter((name) => name.startsWith("stage:f"));
  }
}

/** 0, 1, 2 … below `count`, without some. */
export function upTo(count: number, ...without: readonly number[]): number[] {
  return Array.from({ length: count }, (_, n) => n).filter((n) => !without.includes(n));
}

/** A function that keeps how many numbers it has seen. */
export function countingFunction(name: string, before = ""): string {
  return `
import { defineStream, z } from "millrace/function";
let kept;
export const fn = defineStream({
  name: "${name}",
  input: z.object({ n: z.number() }),
  state: z.object({ count: z.number() }),
  initial: () => ({ count: 0 }),
  process({ metrics: { n } }, { count }) {
    ${before}
    return { state: { count: count + 1 }, emit: { by_${name}: n, seen_by_${name}: count + 1 } };
  },
});
`;
}
