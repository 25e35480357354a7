/** What asks for the present throws: a replay would find another. */
export function noClock(call: string): never {
  throw new TypeError(`${call} would give another result in a replay: use the reading's time (ts)`);
}

const RealDate = Date;
const FORMATS = Intl.DateTimeFormat.prototype;

/** Dates of given times only. No part of it is the real one's, so that none leads to the clock. */
export const EventDate: DateConstructor = createEventDate();

function createEventDate(): DateConstructor {
  const made = function (this: unknown, ...args: readonly unknown[]): object {
    if (new.target === undefined) noClock("Date()");
    if (args.length === 0) noClock("new Date()");
    const date: unknown = Reflect.construct(RealDate, args, new.target);
    return Object(date);
  };
  const now = (): never => noClock("Date.now()");
  const statics = { name: "Date", length: 7, now, parse: RealDate.parse, UTC: RealDate.UTC };
  for (const [name, value] of Object.entries(statics)) Object.defineProperty(made, name, { value });
  Object.defineProperty(made, "prototype", { value: RealDate.prototype });
  // It has what a DateConstructor has, which no type can tell of a function.
  return Object.freeze(made) as unknown as DateConstructor;
}

/**
 * Hides, in the whole thread, what leads to the clock from a value that functions are given or make: the constructor of a date, and formats of dates,
 * which take the present where they are given none. Nothing of the engine's asks either.
 */
export function hideClock(): void {
  if (RealDate.prototype.constructor === EventDate) return;
  Object.defineProperty(RealDate.prototype, "constructor", { value: EventDate, writable: false });
  hideFormat();
  const { formatToParts } = FORMATS;
  Object.defineProperty(FORMATS, "formatToParts", {
    value(this: Intl.DateTimeFormat, date?: Date | number) {
      return formatToParts.call(this, date ?? given(date, "formatToParts"));
    },
  });
}

/** `format` is a getter, and gives the same function each time. */
function hideFormat(): void {
  const get = Object.getOwnPropertyDescriptor(FORMATS, "format")?.get;
  if (get === undefined) return;
  const guarded = new WeakMap<object, Intl.DateTimeFormat["format"]>();
  Object.defineProperty(FORMATS, "format", {
    get(this: Intl.DateTimeFormat) {
      const known = guarded.get(this);
      if (known !== undefined) return known;
      const format: Intl.DateTimeFormat["format"] = get.call(this);
      const made = (date?: Date | number): string => format(date ?? given(date, "format"));
      guarded.set(this, made);
      return made;
    },
  });
}

/** Null is the year 1970 to a format, and only what is not there the present. */
function given(date: null | undefined, method: string): number {
  return date === null ? 0 : noClock(`Intl.DateTimeFormat.${method}() without a time`);
}
