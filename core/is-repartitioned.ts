import { isId } from "./ids.ts";
import { isReading } from "./is-reading.ts";
import { LIMITS } from "./limits.ts";
import type { Repartitioned } from "./derived-records.ts";

/** What `repartitionedSchema` says of a JSON value, for the path of every reading that is joined. */
export function isRepartitioned(value: unknown): value is Repartitioned {
  if (!isReading(value) || !("key" in value) || !("function" in value) || !("side" in value)) return false;
  const { key, function: name, side } = value;
  return (
    isId(key) &&
    typeof name === "string" &&
    name.length <= LIMITS.functionNameCharactersMax &&
    NAME.test(name) &&
    (side === "left" || side === "right")
  );
}

const NAME = /^[a-z][a-z0-9-]*$/;
