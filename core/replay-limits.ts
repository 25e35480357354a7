const SECOND = 1000;

/** The ceilings of replays: a part of `LIMITS`. */
export const REPLAY_LIMITS = {
  // replays of functions
  /** Results of one partition that are kept because they are not as stored, or not compared yet: about 0.5 KiB each. */
  replayDifferencesMax: 200_000,
  replayMemoryMibMax: 1024,
  /** Its thread has not turned its event loop for so long: a call of the function does not end. */
  replaySilenceMsMax: 30 * SECOND,
  /** What one commit adds to the log. */
  replayCommitRecordsMax: 1000,
} as const;
