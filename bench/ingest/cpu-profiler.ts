import { Session, type Profiler } from "node:inspector/promises";
import { fileURLToPath } from "node:url";

/** A function and what it took itself, without what it called, of the thread's busy time. */
export interface CpuCost {
  readonly where: string;
  readonly share: number;
}

const INTERVAL_MICROS = 500;
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Profiles the calling thread. */
export function createCpuProfiler(): { start(): Promise<null>; stop(): Promise<CpuCost[]> } {
  const session = new Session();
  return {
    async start() {
      session.connect();
      await session.post("Profiler.enable");
      await session.post("Profiler.setSamplingInterval", { interval: INTERVAL_MICROS });
      await session.post("Profiler.start");
      return null;
    },
    async stop() {
      const { profile } = await session.post("Profiler.stop");
      session.disconnect();
      return costsOf(profile);
    },
  };
}

/** Largest first. */
export function costsOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): CpuCost[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  // A native function has no place: who calls it says more.
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  for (const { children = [], callFrame } of nodes) {
    for (const id of children) {
      const called = frames.get(id);
      if (called?.url === "" && !called.functionName.startsWith("("))
        names.set(id, `${nameOf(called)}, of ${nameOf(callFrame)}`);
    }
  }
  const micros = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const where = names.get(id) ?? "?";
    // Neither what waits nor the profiler itself.
    if (where !== "(idle)" && !where.includes("node:inspector"))
      micros.set(where, (micros.get(where) ?? 0) + (timeDeltas[index] ?? 0));
  }
  const all = [...micros.values()].reduce((sum, one) => sum + one, 0);
  return [...micros].map(([where, own]) => ({ where, share: own / all })).toSorted((a, b) => b.share - a.share);
}

function nameOf({ functionName, url, lineNumber }: Profiler.Profile["nodes"][number]["callFrame"]): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  if (url === "") return name;
  const path = url.startsWith("file:") ? fileURLToPath(url).replace(ROOT, "") : url;
  return `${name} ${path}:${lineNumber + 1}`;
}
