import { setTimeout as delay } from "node:timers/promises";
import { errorText } from "../../core/errors.ts";
import type { Random } from "../../device-sim/random.ts";
import type { Cluster } from "../support/cluster.ts";
import { pick } from "./chance.ts";

const START_AGAIN_MS = 500;
const POLL_MS = 200;
/** A process gives up stopping in order after 12 s. */
const STOP_MS_MAX = 30_000;
const STDERR_SHOWN = 400;

export interface StandOptions {
  readonly cluster: Pick<Cluster, "processes" | "start" | "forget">;
  /** Ports of gateways stay the same, as behind a service's address. */
  readonly ports: ReadonlyMap<string, number>;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

export const roleOf = (name: string): string => name.replace(/-\d+$/, "");

/**
 * The processes of the installation with their supervisor: it starts again what was killed here, as often as it takes, and nothing else.
 * A process is in one hand at a time.
 */
export class Stand {
  readonly cluster: StandOptions["cluster"];
  /** False while a fault needs the processors that there are. */
  mayScale = true;
  starts = 0;
  /** Starts that had to be made again, because what they need was away. */
  readonly failedStarts: string[] = [];
  readonly hungStops: string[] = [];
  private readonly ended = new Set<string>();
  private readonly options: StandOptions;
  private readonly inHand = new Set<string>();
  private readonly pending = new Set<Promise<void>>();

  constructor(options: StandOptions) {
    this.options = options;
    this.cluster = options.cluster;
  }

  /** Those that run and that nobody has in hand. */
  idle(roles: readonly string[]): string[] {
    this.noticeEnded();
    return [...this.cluster.processes.keys()].filter(
      (name) => roles.includes(roleOf(name)) && !this.inHand.has(name) && !this.ended.has(name),
    );
  }

  /** Names of processes that were ready and ended without anybody here ending them. */
  endedByThemselves(): string[] {
    this.noticeEnded();
    return [...this.ended];
  }

  /** Kills one of these roles; it is started again behind the caller's back. Null when all of them are in hand. */
  async killOne(roles: readonly string[], random: Random): Promise<string | null> {
    const names = this.idle(roles);
    if (names.length === 0) return null;
    const name = pick(names, random);
    this.inHand.add(name);
    await this.cluster.processes.get(name)?.kill();
    const pauseMs = random.between(0, 2000);
    this.track(name, async () => {
      await delay(pauseMs, undefined, { signal: this.options.signal });
      await this.startUntilReady(name);
    });
    return name;
  }

  /** Starts one that does not run. */
  add(name: string): void {
    if (this.inHand.has(name) || this.cluster.processes.has(name)) return;
    this.inHand.add(name);
    this.track(name, () => this.startUntilReady(name));
  }

  /** Stops one in order, for good. */
  async remove(name: string): Promise<void> {
    const launched = this.cluster.processes.get(name);
    if (launched === undefined || !this.idle([roleOf(name)]).includes(name)) return;
    this.inHand.add(name);
    const stopped = await Promise.race([launched.stop().then(() => true), delay(STOP_MS_MAX, false, { ref: false })]);
    if (!stopped) {
      this.hungStops.push(name);
      await launched.kill();
    }
    this.cluster.forget(name);
    this.inHand.delete(name);
  }

  /** Stops a process from running for a while. */
  async freeze(name: string, ms: number): Promise<void> {
    const pid = this.cluster.processes.get(name)?.pid;
    if (pid === undefined) return;
    this.inHand.add(name);
    try {
      await frozen(pid, ms, this.options.signal);
    } finally {
      this.inHand.delete(name);
    }
  }

  /** Waits for a process of the role that runs, and sees to it that nobody ends it while `work` goes on. */
  async holding<T>(role: string, work: () => Promise<T>): Promise<T> {
    let [name] = this.idle([role]);
    while (name === undefined) {
      await delay(POLL_MS, undefined, { signal: this.options.signal });
      [name] = this.idle([role]);
    }
    this.inHand.add(name);
    try {
      return await work();
    } finally {
      this.inHand.delete(name);
    }
  }

  /** Resolves when everything that is being started is ready. */
  async settled(): Promise<void> {
    while (this.pending.size > 0) await Promise.all(this.pending);
  }

  private track(name: string, work: () => Promise<void>): void {
    const done = work()
      // Only the end of the run stops a start.
      .catch(() => undefined)
      .finally(() => {
        this.inHand.delete(name);
        this.pending.delete(done);
      });
    this.pending.add(done);
  }

  private async startUntilReady(name: string): Promise<void> {
    const { signal, ports } = this.options;
    const port = ports.get(name);
    for (;;) {
      signal.throwIfAborted();
      this.starts += 1;
      try {
        await this.cluster.start(name, roleOf(name), port === undefined ? {} : { MILLRACE_MQTT_PORT: String(port) });
        return;
      } catch (error) {
        signal.throwIfAborted();
        this.failedStarts.push(name);
        this.options.say(`  ${name} does not start: ${errorText(error).trim().slice(-STDERR_SHOWN)}`);
        await delay(START_AGAIN_MS, undefined, { signal });
      }
    }
  }

  private noticeEnded(): void {
    for (const [name, process] of this.cluster.processes) {
      if (!process.hasEnded() || this.inHand.has(name) || this.ended.has(name)) continue;
      this.ended.add(name);
      this.options.say(`${name} has ended by itself: ${process.stderr().slice(-STDERR_SHOWN)}`);
    }
  }
}

/** Stops a process for a while, and lets it run again whatever happens. */
export async function frozen(pid: number, ms: number, signal: AbortSignal): Promise<void> {
  process.kill(pid, "SIGSTOP");
  try {
    await delay(ms, undefined, { signal });
  } finally {
    try {
      process.kill(pid, "SIGCONT");
    } catch {
      // ESRCH: at the end of a run it has been killed meanwhile.
    }
  }
}
