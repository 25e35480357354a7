import { errorText } from "../../core/errors.ts";
import type { Launched, RoleLine, StandingBy } from "../../test/support/instance.ts";

export interface KeptStandbyOptions {
  /** Starts a process that waits, under this name. */
  readonly standBy: (name: string) => Promise<StandingBy>;
  readonly say: (text: string) => void;
}

/** A processor that was made of it. */
export interface Begun {
  readonly name: string;
  readonly launched: Launched<RoleLine>;
}

interface Standing {
  readonly name: string;
  readonly process: StandingBy;
}

/** Starts in a row that came to nothing, until it is left alone until the next `keep`. */
const ATTEMPTS = 3;

/**
 * One process that stands by while no processor runs, so that the first message after a rest waits for no start. It works nothing and holds no
 * partition. One that dies is replaced; one that begins leaves its place empty, until `keep` is called again; so does one that
 * could not be started several times, until somebody has wanted it.
 */
export class KeptStandby {
  private readonly options: KeptStandbyOptions;
  private starting: Promise<Standing | null> | null = null;
  private started = 0;
  private failures = 0;

  constructor(options: KeptStandbyOptions) {
    this.options = options;
  }

  /** Sees to it that there is one. */
  keep(): void {
    if (this.starting !== null) return;
    this.failures = 0;
    this.starting = this.startOne();
  }

  /** Of the one that waits; null when there is none, or it is not ready yet. */
  async waiting(): Promise<StandingBy | null> {
    return (await this.starting)?.process ?? null;
  }

  /** Makes a processor of it; one that is still starting is waited for. Null when there is none, or it has come to nothing: then one is to be started. */
  async begin(): Promise<Begun | null> {
    const { starting } = this;
    this.starting = null;
    const standing = await starting;
    if (standing === null || standing.process.hasEnded()) return null;
    const { name, process } = standing;
    try {
      return { name, launched: await process.begin() };
    } catch (error) {
      this.options.say(`the process that stood by did not begin: ${errorText(error)}`);
      await process.kill();
      return null;
    }
  }

  /** Ends it. */
  async stop(): Promise<void> {
    const { starting } = this;
    this.starting = null;
    await (await starting)?.process.kill();
  }

  private async startOne(): Promise<Standing | null> {
    const name = `standby-${++this.started}`;
    try {
      const process = await this.options.standBy(name);
      this.failures = 0;
      void process.ended.then(() => this.replace(name));
      return { name, process };
    } catch (error) {
      this.options.say(`a process that was to stand by has not started: ${errorText(error)}`);
      this.failures += 1;
      return this.failures < ATTEMPTS ? this.startOne() : null;
    }
  }

  /** Unless another one has its place, or none is to be there. */
  private async replace(name: string): Promise<void> {
    const { starting } = this;
    if ((await starting)?.name !== name || this.starting !== starting) return;
    this.options.say("the process that stood by has ended; another one takes its place");
    this.starting = this.startOne();
  }
}
