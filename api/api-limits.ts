import { LIMITS } from "../core/limits.ts";

/** Ceilings that only the API has, beside those of core/limits.ts. */
export const API_LIMITS = {
  bodyBytesMax: LIMITS.apiBodyBytesMax,
  pageSizeDefault: 100,
  searchCharsMax: 200,
  cursorCharsMax: 1024,
  credentialCharsMax: 512,
  /** Sign-in attempts per address: this many at once, then one per interval. */
  signInBurst: 10,
  signInIntervalMs: 6_000,
  signInAddressesMax: 10_000,
  sessionsMax: 10_000,
  signInCodesMax: 1_000,
  /** A change answers after this long at the latest, even if its control records are not in the log yet. */
  configurationSettleMs: 2_000,
  requestTimeoutMs: 30_000,
  handlerTimeoutMs: 30_000,
  auditTimeoutMs: 30 * 60_000,
  /** A path segment: an id of 128 characters, percent-encoded. */
  pathSegmentCharsMax: 400,
  problemDetailsMax: 20,
  problemTextCharsMax: 300,
  seriesPointsDefault: 500,
  queryRangeMsDefault: 3_600_000,
} as const;
