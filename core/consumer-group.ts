import type { Service } from "./lifecycle.ts";

/** Told which partitions this member is to work. Calls never overlap. */
export interface AssignmentListener {
  /** Partitions that are this member's from now on. */
  take(partitions: readonly number[]): Promise<void>;
  /** Partitions that somebody else may have as soon as this resolves: commit first. */
  release(partitions: readonly number[]): Promise<void>;
}

/**
 * Deals the partitions of consumers out among the members of all processes of an installation, and again when one comes or goes. It
 * only decides who works on what: whoever writes is fenced by the journals.
 */
export interface ConsumerGroups {
  /**
   * `consumer` is a journal's name. The member joins with `start` and leaves, after it has released everything, with `stop`. One that follows
   * another that died without leaving gives that one's `memberId`, and has its place at once instead of waiting until it is missed.
   */
  join(consumer: string, listener: AssignmentListener, memberId?: string): Service;
  /** Who takes part now, and who has which of the journal's partitions. Empty when nothing is dealt out. */
  members(consumer: string): Promise<readonly GroupMember[]>;
}

export interface GroupMember {
  readonly id: string;
  /** Machine and process, for people. */
  readonly label: string;
  readonly partitions: readonly number[];
}

/** The only process has everything. */
export function soleMember(partitions: readonly number[]): ConsumerGroups {
  return {
    join: (_consumer, listener) => ({
      start: () => listener.take(partitions),
      stop: () => listener.release(partitions),
    }),
    members: () => Promise.resolve([]),
  };
}
