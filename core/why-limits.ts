const MIB = 1024 * 1024;
const HOUR = 3_600_000;

/** The ceilings of explanations: a part of `LIMITS`. */
export const WHY_LIMITS = {
  // explanations
  /**
   * An explanation of an output: records read on the way, bytes of those that are run again, messages listed, how far back the state before a dead
   * letter is made of, how many wait for the one that is being made, and how many readings are tried as those that a join's output was made of.
   */
  whyRecordsMax: 500_000,
  whyKeptBytesMax: 32 * MIB,
  whyMessagesMax: 1000,
  whyStateMs: HOUR,
  whyWaitingMax: 16,
  whyPartnersMax: 100,
} as const;
