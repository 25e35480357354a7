import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** V8's own full collection, of this thread's heap. Contexts that are made from here on have no `gc` of their own. */
export function garbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  return () => {
    if (typeof collect === "function") collect();
  };
}
