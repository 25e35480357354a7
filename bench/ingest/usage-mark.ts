import { busyCpuSeconds } from "../machine.ts";
import { cpuSecondsOf, treeCpuSeconds } from "../process-tree.ts";

/** What was used up to a moment. */
interface UsageMark {
  readonly at: number;
  readonly messages: number;
  readonly serverCpuSeconds: number;
  readonly generatorCpuSeconds: number;
  readonly busyCpuSeconds: number;
}

/** What was used between two moments under load. */
export interface Usage {
  readonly seconds: number;
  readonly messages: number;
  /** User and system, of the server's whole process tree. */
  readonly serverCpuSeconds: number;
  readonly generatorCpuSeconds: number;
  /** Cores that neither the server nor the generator used. */
  readonly coresOfOthers: number;
}

/** `messages`: acknowledged up to now. */
export function markUsage(serverPid: number, messages: number): UsageMark {
  return {
    at: performance.now(),
    messages,
    serverCpuSeconds: treeCpuSeconds(serverPid),
    generatorCpuSeconds: cpuSecondsOf(process.cpuUsage()),
    busyCpuSeconds: busyCpuSeconds(),
  };
}

export function usageBetween(from: UsageMark, to: UsageMark): Usage {
  const seconds = (to.at - from.at) / 1000;
  const serverCpuSeconds = to.serverCpuSeconds - from.serverCpuSeconds;
  const generatorCpuSeconds = to.generatorCpuSeconds - from.generatorCpuSeconds;
  const others = to.busyCpuSeconds - from.busyCpuSeconds - serverCpuSeconds - generatorCpuSeconds;
  return {
    seconds,
    messages: to.messages - from.messages,
    serverCpuSeconds,
    generatorCpuSeconds,
    coresOfOthers: Math.max(0, others) / seconds,
  };
}
