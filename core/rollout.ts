/** How a canary is to go: the shares of devices that it runs for, one after the other. */
export interface RolloutPlan {
  /** In 1/10,000, each greater than the one before. After the last the version becomes the live one. */
  readonly shares: readonly number[];
  /** How long it stays at each. */
  readonly stepMs: number;
}

/** `replaced`: something else was deployed, or the function taken back, while it ran. */
export type RolloutOutcome = "promoted" | "rolled-back" | "replaced";

/** The last canary of a function. */
export interface Rollout extends RolloutPlan {
  readonly name: string;
  readonly version: number;
  /** The version that was live when it began. */
  readonly live: number;
  /** Index of the present share. */
  readonly step: number;
  /** When this step began, or the canary ended; UTC ms. */
  readonly since: number;
  /** Null while it runs. */
  readonly outcome: RolloutOutcome | null;
  /** Why it ended so; empty where nobody said. */
  readonly reason: string;
}

/** Which step of which canary somebody has looked at: what he does about it is done only if it still stands there. */
export type RolloutStep = Pick<Rollout, "name" | "version" | "step">;

/** The canaries of functions. What is changed here reaches the partitions as `deploy` records. */
export interface RolloutStore {
  /** The last one of each function, running or not, by name. */
  all(): Promise<readonly Rollout[]>;
  /** On to the next share, or live after the last. False when it does not stand at this step any more. */
  advance(step: RolloutStep, actor: string): Promise<boolean>;
  /** Takes it back. False when it does not run any more. */
  rollBack(step: RolloutStep, reason: string, actor: string): Promise<boolean>;
  /** Makes it live at once, and says which version that is. NOT_FOUND when none runs. */
  promote(name: string, actor: string): Promise<number>;
}
