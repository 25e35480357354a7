import type { RolloutPlan } from "./rollout.ts";
import type { FunctionVersion } from "./control.ts";
import type { Isolation, NamedLimits, StageSettings } from "./stage-settings.ts";

/** Of what a function keeps: two versions with one number must have one shape. */
export interface FunctionState {
  readonly version: number;
  /** Compared as a text. */
  readonly shape: string;
}

/** A join runs in two stages: it sends readings to the partition of their key, and joins them there. */
export const FUNCTION_KINDS = ["map", "stream", "join"] as const;
export type FunctionKind = (typeof FUNCTION_KINDS)[number];

/** A function as it is handed in: `code` exports it, perhaps among others. */
export interface FunctionInput {
  readonly name: string;
  readonly kind: FunctionKind;
  readonly state: FunctionState | null;
}

export interface FunctionVersionInfo {
  readonly name: string;
  readonly version: number;
  readonly kind: FunctionKind;
  readonly hash: string;
  readonly codeBytes: number;
  readonly createdAt: number;
  readonly createdBy: string;
  readonly live: boolean;
  /** In which it runs, or ran last: `functions` is the one that all share. */
  readonly stage: string;
}

export interface DeployedBundle {
  readonly code: string;
  readonly hash: string;
  readonly functions: readonly FunctionInput[];
  /** As users call it. */
  readonly stage?: string | undefined;
  /** Of that stage from now on, whatever else runs in it. Without one it stays as it is: `thread` at first. */
  readonly isolation?: Isolation | undefined;
  /** Of that stage from now on too: what is not among them stays as it is, and null is as the settings of the instance say. */
  readonly limits?: NamedLimits | undefined;
}

/** Users' functions: all versions that ever were, and which of them run. */
export interface FunctionStore {
  /**
   * Makes the functions of a bundle live, all or none. Code that a function had before has the version that it had. Without a `stage` each stays
   * where it is; one that changes its stage begins anew, without what it has kept. INVALID_INPUT when a function keeps another shape than the
   * live version under the same state version, LIMIT_EXCEEDED when there are too many functions or stages. INVALID_INPUT when limits are
   * named without a stage, or for the one that all share.
   *
   * With a plan they run beside the live versions for a share of the devices: INVALID_INPUT where none is live, or in another stage.
   */
  deploy(bundle: DeployedBundle, actor: string, canary?: RolloutPlan): Promise<readonly FunctionVersionInfo[]>;
  /** Newest first; of all functions, or of one: NOT_FOUND when there is none. */
  versions(name?: string): Promise<readonly FunctionVersionInfo[]>;
  /** A version with its code: the live one, or `version`. NOT_FOUND. */
  code(name: string, version: number | null): Promise<FunctionVersion>;
  /**
   * Takes back a canary; without one, makes an earlier version live again: the newest below the live one. Or makes `version` live. NOT_FOUND, or
   * INVALID_INPUT when its state cannot be read.
   */
  rollback(name: string, version: number | null, actor: string): Promise<FunctionVersionInfo>;
  /** The function runs no more and what it keeps is erased; its versions stay. NOT_FOUND when none is live. */
  undeploy(name: string, actor: string): Promise<void>;
  /** Of the functions that run, by name, the stage in which each does. */
  stages(): Promise<ReadonlyMap<string, string>>;
  /** Of the stages of which something was said at a deploy. */
  stageSettings(): Promise<ReadonlyMap<string, StageSettings>>;
  /** True when one of them is a join. */
  runsJoin(): Promise<boolean>;
}
