import { MillraceError } from "../../core/errors.ts";
import type { ThreadApi } from "../../app/thread-rpc.ts";
import type { ProcessorsApi } from "../../app/threads/thread-apis.ts";

/** A thread that can be ended at will; calls to one that has ended are answered with THREAD_ENDED. */
export class FakeFunctionsThread {
  readonly owned = new Set<number>();
  readonly worker = {
    terminate: () => {
      this.end(null);
      return Promise.resolve(0);
    },
  };
  isEnded = false;
  busy = 0;
  failure: Error | null = null;
  /** What a take waits for. */
  onTake: () => Promise<void> = () => Promise.resolve();
  /** The deadlines by which it was told to stop, ms. */
  readonly stops: number[] = [];
  private readonly onEnd: (error: Error | null) => void;
  private readonly startsBy: Promise<void>;

  constructor(onEnd: (error: Error | null) => void, startsBy: Promise<void>) {
    this.onEnd = onEnd;
    this.startsBy = startsBy;
  }

  end(error: Error | null): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.onEnd(error);
  }

  readonly call = async <Name extends keyof ProcessorsApi>(
    name: Name,
    ...args: Parameters<ProcessorsApi[Name]>
  ): Promise<Awaited<ReturnType<ProcessorsApi[Name]>>> => {
    if (this.isEnded) throw new MillraceError("THREAD_ENDED", "it has ended");
    if (this.failure !== null) throw this.failure;
    const api: Pick<ProcessorsApi, "start" | "take" | "release" | "busySeconds" | "stop"> = {
      start: () => this.startsBy,
      take: async (partitions) => {
        await this.onTake();
        for (const one of partitions) this.owned.add(one);
      },
      release: (partitions) => Promise.resolve(partitions.forEach((one) => this.owned.delete(one))),
      busySeconds: () => this.busy,
      stop: (deadlineMs) => {
        this.stops.push(deadlineMs);
        return Promise.resolve();
      },
    };
    const called: ThreadApi = api;
    return (await called[name]?.(...(args as never[]))) as Awaited<ReturnType<ProcessorsApi[Name]>>;
  };
}
