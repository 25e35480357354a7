const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Goes from half hour to half hour until the clock on the wall shows another day, week or month. */
export function calendarOf(unit: "day" | "week" | "month", zone: string) {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short" });
  const known = new Map<number, string>();
  const periodAt = (ts: number): string => {
    const text = known.get(ts) ?? format.format(ts);
    known.set(ts, text);
    if (unit === "day") return text;
    if (unit === "month") return text.slice(0, 7);
    return String(Math.floor((Date.parse(text) / DAY + 3) / 7));
  };
  const STEP = HOUR / 2;
  return (ts: number) => {
    const period = periodAt(Math.floor(ts / STEP) * STEP);
    let start = Math.floor(ts / STEP) * STEP;
    while (periodAt(start - STEP) === period) start -= STEP;
    let end = start + STEP;
    while (periodAt(end) === period) end += STEP;
    return [{ start, end }];
  };
}
