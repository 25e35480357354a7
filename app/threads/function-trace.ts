import { workerData } from "node:worker_threads";
import { loadFunctions } from "../../runtime/load-functions.ts";
import { requireKeepable } from "../../kit/kept-schema.ts";
import { requireKnownOptions } from "../../kit/unknown-options.ts";
import { sampleRecords } from "../../kit/sample-records.ts";
import { FunctionTrace } from "../functions/function-trace.ts";
import { placesIn } from "../functions/source-places.ts";
import { createLogger } from "../logging.ts";
import { serveThread } from "../thread-rpc.ts";
import type { MessagePort } from "node:worker_threads";
import type { FunctionTraceApi, TracedFile } from "./function-trace-api.ts";

function traceOf({ entry, code, sourceMap }: TracedFile): FunctionTrace {
  const functions = loadFunctions(code);
  requireKnownOptions(functions);
  requireKeepable(functions);
  return new FunctionTrace(functions, (text) => placesIn(text, sourceMap, entry));
}

function createApi(): FunctionTraceApi {
  let followed: readonly FunctionTrace[] = [];
  let toRecords = sampleRecords();
  return {
    run(file, entries) {
      const trace = traceOf(file);
      return sampleRecords()(entries).map((record) => trace.trace(record));
    },
    follow(files) {
      followed = files.map(traceOf);
      toRecords = sampleRecords();
    },
    next(entries) {
      return toRecords(entries).flatMap((record) => followed.map((trace) => trace.trace(record)));
    },
  };
}

const { control } = workerData as { control: MessagePort };
serveThread(control, createApi(), createLogger("error", "functions"));
