import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * V8's own full collection, of this thread's heap. The flag is the process's: null where another thread has taken it back just then, which may be tried again. Contexts that are
 * made from here on have no `gc` of their own.
 */
export function garbageCollector(): (() => void) | null {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("typeof gc === 'function' ? gc : null");
  setFlagsFromString("--no-expose-gc");
  return typeof collect === "function" ? () => void collect() : null;
}
