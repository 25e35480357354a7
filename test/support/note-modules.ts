import { appendFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { threadName } from "node:worker_threads";

/** Preloaded (`--import`) into a process and its threads: notes each module that is loaded, with the thread, in the file that NOTED_MODULES names. */
const file = process.env["NOTED_MODULES"] ?? "";
registerHooks({
  load(url, context, next) {
    appendFileSync(file, `${threadName ?? ""} ${url}\n`);
    return next(url, context);
  },
});
