"use strict";
// Required by Node before all else, in each thread: notes what is loaded, a line for each module, in a file of this thread.
const { appendFileSync } = require("node:fs");
const { registerHooks } = require("node:module");
const { join } = require("node:path");
const { isMainThread, threadId } = require("node:worker_threads");

// A process that is started anew keeps its pid: what it loaded before does not count, and its arguments tell which it is.
const file = join(process.env.RECORD_LOADS_TO, isMainThread ? "main" : `thread-${threadId}`);
const isBefore = isMainThread && (process.argv[1] ?? "").endsWith("bin/millrace.js");
const note = (line) => appendFileSync(file, `${line}\n`);
if (!isBefore) {
  registerHooks({
    load(url, context, next) {
      note(url);
      return next(url, context);
    },
  });
  // Node's own modules, as far as they have been loaded by then.
  setInterval(() => note(process.moduleLoadList.filter((name) => /amaro|undici/.test(name)).join("\n")), 500).unref();
}
