/** Narrow no-break space: groups digits and stands between number and unit. */
export const THIN_SPACE = "\u202F";

/** A measured value with sensible precision: four significant digits or so, and none that was not measured. */
export function formatValue(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e9 || size < 1e-4)) return value.toExponential(3).replace("e+", "e");
  const digits = size >= 1000 || Number.isInteger(value) ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 4;
  return groupDigits(trimZeros(value.toFixed(digits)));
}

/** The value as it is, for hover and tables. */
export function formatExact(value: number): string {
  return groupDigits(String(value));
}

const FIGURE_SPACE = "\u2007";
const PUNCTUATION_SPACE = "\u2008";

/** Pads numbers of one right-aligned column so that their decimal points stand below each other; adds no digit. */
export function alignDecimals(texts: readonly string[]): readonly string[] {
  const decimals = (text: string) => (/\.(\d+)$/.exec(text)?.[1] ?? "").length;
  const most = Math.max(0, ...texts.map(decimals));
  return texts.map((text) => {
    if (text === "" || most === 0) return text;
    const own = decimals(text);
    return text + (own === 0 ? PUNCTUATION_SPACE : "") + FIGURE_SPACE.repeat(most - own);
  });
}

export function formatCount(value: number): string {
  return groupDigits(String(Math.round(value)));
}

const STEPS = [
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
] as const;

/** A count in four characters at most, rounded down from ten thousand on. */
export function formatShort(count: number): string {
  const step = count < 10_000 ? undefined : STEPS.find(([size]) => count >= size);
  return step === undefined ? String(Math.round(count)) : `${Math.floor(count / step[0])}${step[1]}`;
}

const DECIMALS_SHOWN = 8;

/** The ticks of a value axis: as many decimals as the step needs, the same for all. */
export function formatTicks(ticks: readonly number[], step: number): readonly string[] {
  const size = Math.max(...ticks.map(Math.abs), 0);
  if (size >= 1e9 || (size > 0 && size < 1e-4)) return ticks.map((tick) => tick.toExponential(1).replace("e+", "e"));
  let decimals = 0;
  while (decimals < DECIMALS_SHOWN && !isNearlyWhole(step * 10 ** decimals)) decimals += 1;
  return ticks.map((tick) => groupDigits(tick.toFixed(decimals)));
}

/** Records per second: whole numbers above ten, one digit below, so that a trickle does not read as nothing. */
export function formatRate(perSecond: number): string {
  const text = perSecond >= 9.95 || perSecond === 0 ? formatCount(perSecond) : perSecond.toFixed(1);
  return `${text === "0.0" ? "< 0.1" : text}${THIN_SPACE}/s`;
}

export function withUnit(text: string, unit: string): string {
  return unit === "" ? text : `${text}${THIN_SPACE}${unit}`;
}

/** Any metric value in a few characters. */
export function formatMetric(value: number | boolean | string, unit: string): string {
  if (typeof value === "number") return withUnit(formatValue(value), unit);
  if (typeof value === "boolean") return String(value);
  return value.length > 24 ? `${value.slice(0, 23)}…` : value;
}

function trimZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function groupDigits(text: string): string {
  const [, sign = "", whole = "", rest = ""] = /^(-?)(\d+)(.*)$/.exec(text) ?? [];
  if (whole === "") return text;
  const grouped = whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, THIN_SPACE) : whole;
  return `${sign === "-" ? "−" : ""}${grouped}${rest}`;
}

/** 0.25 × 100 is 25, give or take what binary fractions cost. */
function isNearlyWhole(value: number): boolean {
  return value >= 0.999 && Math.abs(value - Math.round(value)) < 1e-6 * value;
}
