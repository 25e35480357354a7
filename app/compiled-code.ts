import { flushCompileCache } from "node:module";
import { join } from "node:path";

const FLUSH_AFTER_MS = 5000;

/**
 * Threads and children that are started from here on find their modules compiled in the data directory, which is half of what a thread costs
 * until it works. Node writes there what it had to compile, by the content of each file; where it cannot, it compiles as before.
 */
export function keepCompiledCode(data: string): void {
  process.env["NODE_COMPILE_CACHE"] ??= join(data, "compile-cache");
}

/** Called by a thread for itself: what it has compiled is written down before its end, which a kill -9 does not let it see. */
export function writeCompiledCode(): void {
  setTimeout(flushCompileCache, FLUSH_AFTER_MS).unref();
}
