import { z } from "zod";

/** A setting from `min` to `max`, as number or as text. */
export function wholeNumber(min: number, max: number) {
  const error = `it is a whole number from ${min} to ${max}`;
  return z.coerce.number({ error }).int(error).min(min, error).max(max, error);
}
