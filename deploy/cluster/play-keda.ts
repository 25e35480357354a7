import { setTimeout as delay } from "node:timers/promises";
import { errorText } from "../../core/errors.ts";
import { ScalerClient, type FollowedScaler } from "../../test/support/scaler-client.ts";
import type { Cluster } from "../../test/support/cluster.ts";
import type { Begun, KeptStandby } from "./kept-standby.ts";

export interface PlayedKedaOptions {
  readonly cluster: Cluster;
  readonly scalerPort: number;
  readonly maxReplicas: number;
  /** Without an active trigger until the last pod goes, and how long the HPA looks back before it takes one away. */
  readonly cooldownMs: number;
  /** Keeps a process that stands by while there is none; null: each is started from nothing. */
  readonly standby: KeptStandby | null;
  readonly say: (text: string) => void;
}

/** When a number of processes was asked for. Times by performance.now. */
export interface ScaleStep {
  readonly at: number;
  readonly replicas: number;
}

/** A process and how its start went. */
export interface StartedPod {
  readonly spawnedAt: number;
  readonly readyAt: number;
  /** As the process itself has it, from its first line of code. */
  readonly readyMs: number;
  /** It had stood by. `spawnedAt` and `readyMs` count from when it was told to begin. */
  readonly stoodBy: boolean;
}

interface RunningPod extends Begun {
  readonly stoodBy: boolean;
}

/** As Kubernetes has them: how often the HPA looks. KEDA's own push needs no look. */
const HPA_SYNC_MS = 15_000;
const STEP_MS = 100;

/**
 * Plays KEDA and the HorizontalPodAutoscaler for processes of this machine: asks the scaler over gRPC as KEDA does, starts the first process when
 * it pushes that the stage is active, follows the metric every 15 s between 1 and the most, takes processes away by SIGTERM. It has no
 * scheduler, no image and no node to wait for.
 */
export class PlayedKeda {
  readonly steps: ScaleStep[] = [];
  readonly pods: StartedPod[] = [];
  private readonly options: PlayedKedaOptions;
  private readonly client: ScalerClient;
  private readonly followed: FollowedScaler;
  private readonly names: string[] = [];
  private readonly wanted: { readonly at: number; readonly replicas: number }[] = [];
  private readonly stopping = new AbortController();
  private readonly processes = new Map<string, RunningPod>();
  /** A process that stands by is made use of, and kept. */
  private usesStandby = true;
  private started = 0;
  private inactiveSince = performance.now();
  private lookedAt = -Infinity;
  private running: Promise<void> = Promise.resolve();
  private changing: Promise<unknown> = Promise.resolve();

  constructor(options: PlayedKedaOptions) {
    this.options = options;
    this.client = new ScalerClient(options.scalerPort);
    this.followed = this.client.follow(this.object);
  }

  get replicas(): number {
    return this.names.length;
  }

  /** When the scaler said so, by performance.now; null when it has not since then. */
  activeSince(at: number): number | null {
    return this.followed.states.find((state) => state.isActive && state.at >= at)?.at ?? null;
  }

  start(): void {
    this.options.standby?.keep();
    this.running = this.run();
  }

  async stop(): Promise<void> {
    await this.hold();
    this.followed.cancel();
    this.client.close();
    await this.options.standby?.stop();
  }

  /** From now on each process is started from nothing. */
  async withoutStandby(): Promise<void> {
    this.usesStandby = false;
    await this.options.standby?.stop();
  }

  /** Resolves when what was begun is ready or gone: one that goes still works what comes until it has handed over. */
  async settled(): Promise<void> {
    await this.changing;
  }

  /** Follows the scaler no more; whoever measures starts and ends processes. */
  async hold(): Promise<void> {
    this.stopping.abort();
    await this.running;
    await this.changing;
  }

  /** Starts and ends processes until there are so many; resolves when they are ready or gone. */
  scaleTo(replicas: number): Promise<unknown> {
    const { say, standby } = this.options;
    if (replicas !== this.replicas) {
      this.steps.push({ at: performance.now(), replicas });
      say(`  ${this.replicas} → ${replicas} processors`);
    }
    const changes: Promise<unknown>[] = [];
    while (this.replicas < replicas) changes.push(this.startOne());
    while (this.replicas > replicas) {
      const name = this.names.pop() ?? "";
      const before = this.changing;
      changes.push(
        before.then(async () => {
          await this.stopOne(name);
        }),
      );
    }
    if (replicas === 0 && this.usesStandby) standby?.keep();
    this.changing = Promise.all([this.changing, ...changes]);
    return Promise.all(changes);
  }

  private get object() {
    return { metadata: { stage: "main", minReplicas: "0", maxReplicas: String(this.options.maxReplicas) } };
  }

  private async startOne(): Promise<void> {
    const name = `processors-${++this.started}`;
    this.names.push(name);
    const spawnedAt = performance.now();
    const pod = await this.launch(name).catch((error: unknown) => {
      this.options.say(`${name} did not start: ${errorText(error)}`);
      return null;
    });
    if (pod === null) {
      // As a pod that fails: whoever counts finds one fewer, and starts another.
      const place = this.names.indexOf(name);
      if (place >= 0) this.names.splice(place, 1);
      return;
    }
    this.processes.set(name, pod);
    const { launched, stoodBy } = pod;
    this.pods.push({ spawnedAt, readyAt: performance.now(), readyMs: launched.ready.readyMs, stoodBy });
  }

  private async launch(name: string): Promise<RunningPod> {
    const { cluster, standby } = this.options;
    const begun = this.usesStandby ? await standby?.begin() : null;
    if (begun) return { ...begun, stoodBy: true };
    return { name, launched: await cluster.start(name, "processors"), stoodBy: false };
  }

  private async stopOne(slot: string): Promise<void> {
    const pod = this.processes.get(slot);
    this.processes.delete(slot);
    await pod?.launched.stop();
    if (pod !== undefined) this.options.cluster.forget(pod.name);
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.look();
      await delay(STEP_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  private async look(): Promise<void> {
    const { cooldownMs, maxReplicas } = this.options;
    const now = performance.now();
    const isActive = this.followed.states.at(-1)?.isActive ?? false;
    if (isActive) this.inactiveSince = now;
    if (!isActive) {
      // Before the last processor goes: a message that comes right behind it is not to wait for a start.
      if (this.usesStandby) this.options.standby?.keep();
      if (this.replicas > 0 && now - this.inactiveSince >= cooldownMs) void this.scaleTo(0);
      return;
    }
    if (this.replicas === 0) void this.scaleTo(1);
    if (now - this.lookedAt < HPA_SYNC_MS) return;
    this.lookedAt = now;
    // The target is 1 for each pod: the metric is the number of pods.
    const metric = await this.client.metric(this.object).catch(() => this.replicas);
    this.wanted.push({ at: now, replicas: Math.max(1, Math.min(maxReplicas, Math.ceil(metric))) });
    const recent = this.wanted.filter(({ at }) => now - at <= cooldownMs).map(({ replicas }) => replicas);
    void this.scaleTo(Math.max(...recent));
  }
}
