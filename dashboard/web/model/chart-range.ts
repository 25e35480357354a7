const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const RANGE_PRESETS = [
  { name: "15m", label: "15 min", widthMs: 15 * MINUTE },
  { name: "1h", label: "1 h", widthMs: HOUR },
  { name: "24h", label: "24 h", widthMs: DAY },
  { name: "7d", label: "7 d", widthMs: 7 * DAY },
  { name: "all", label: "All", widthMs: null },
] as const;
export type RangePresetName = (typeof RANGE_PRESETS)[number]["name"];

/** What the page shows: the last so much, everything, or from one time to another. */
export type ChartRange =
  | { readonly kind: "preset"; readonly name: RangePresetName; readonly widthMs: number | null }
  | { readonly kind: "custom"; readonly from: number; readonly to: number };

const CUSTOM_WIDTH_MS_MIN = 100;

/** Reads `range=1h` or `from=…&to=…` of the address. Anything else is the first preset. */
export function parseRange(query: URLSearchParams): ChartRange {
  const from = Number(query.get("from") ?? "");
  const to = Number(query.get("to") ?? "");
  if (Number.isSafeInteger(from) && Number.isSafeInteger(to) && to - from >= CUSTOM_WIDTH_MS_MIN && from >= 0) {
    return { kind: "custom", from, to };
  }
  const preset = RANGE_PRESETS.find(({ name }) => name === query.get("range")) ?? RANGE_PRESETS[0];
  return { kind: "preset", name: preset.name, widthMs: preset.widthMs };
}

/**
 * Where a moving range ends: now. Event times run ahead when a device's clock does, and far behind when recorded data is replayed or
 * the device has been silent for longer than the range is wide; then the newest reading is the end, and `isAnchored` says so.
 */
export function rangeEnd(
  now: number,
  newestTs: number | null,
  widthMs: number,
): { readonly end: number; readonly isAnchored: boolean } {
  if (newestTs === null || (newestTs <= now && now - newestTs < widthMs)) return { end: now, isAnchored: false };
  return { end: newestTs, isAnchored: newestTs < now };
}
