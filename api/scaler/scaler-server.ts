import { fileURLToPath } from "node:url";
import { logVerbosity, Server, ServerCredentials, setLogVerbosity, status } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { MillraceError, errorText, isMillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { metricsRequestSchema, scaledObjectSchema, targetOf } from "./scaled-object.ts";
import { scalerStatus } from "./scaler-status.ts";
import type { sendUnaryData, ServerUnaryCall, ServerWritableStream, ServiceDefinition } from "@grpc/grpc-js";
import type { Service } from "../../core/lifecycle.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import type { ScalerTarget, ScalerTargets } from "../../core/scaler.ts";

export interface ScalerServerOptions {
  /** Without TLS: who reaches it is up to the network. Port 0 picks a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly targets: ScalerTargets;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface ScalerServer extends Service {
  /** Where it listens; null while it does not. */
  readonly port: number | null;
}

const PROTO = fileURLToPath(new URL("externalscaler.proto", import.meta.url));
/** One pod for each of the metric: what is answered is the number of pods. */
const TARGET_SIZE = 1;
/** A client that went without a word is missed after so long. */
const KEEP_ALIVE_MS = 30_000;

type Method = "IsActive" | "StreamIsActive" | "GetMetricSpec" | "GetMetrics";
type Unary = (call: ServerUnaryCall<unknown, object>, reply: sendUnaryData<object>) => void;

/**
 * KEDA's ExternalScaler over gRPC: how many pods a stage is to have, and, pushed, whether it needs any. Every question carries what it is about,
 * so that nothing is kept for a client but the streams that it has open. `start` rejects with PORT_IN_USE.
 */
export function createScalerServer(options: ScalerServerOptions): ScalerServer {
  const { listen, targets, logger, metrics } = options;
  const stopping = new AbortController();
  let streams = 0;
  let port: number | null = null;
  const open = metrics.gauge("millrace_scaler_streams", "Clients of the scaler that are told of changes.");
  const count = (method: Method, code: status): void =>
    metrics
      .counter(
        "millrace_scaler_requests_total",
        "Questions to the scaler, by what they ask and gRPC's code of the answer.",
        {
          method,
          code: status[code],
        },
      )
      .add();
  const fail = (method: Method, error: unknown) => {
    if (!isMillraceError(error)) logger.error({ method, err: error }, "a question to the scaler met a defect");
    const failed = scalerStatus(error);
    count(method, failed.code);
    return failed;
  };

  const unary =
    (method: Method, answer: (request: unknown) => Promise<object>): Unary =>
    (call, reply) => {
      answer(call.request).then(
        (value) => {
          count(method, status.OK);
          reply(null, value);
        },
        (error: unknown) => reply(fail(method, error)),
      );
    };

  const streamIsActive = async (call: ServerWritableStream<unknown, object>): Promise<void> => {
    const ended = new AbortController();
    const end = (): void => ended.abort();
    call.on("cancelled", end);
    call.on("close", end);
    call.on("error", end);
    if (streams >= LIMITS.scalerStreamsMax) throw tooManyStreams();
    streams += 1;
    open.set(streams);
    const signal = AbortSignal.any([ended.signal, stopping.signal]);
    try {
      const target = targetOf(scaledObjectSchema.parse(call.request));
      await targets.follow(target, (result) => void call.write({ result }), signal);
      count("StreamIsActive", status.OK);
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener("abort", () => resolve(), { once: true });
      });
    } finally {
      streams -= 1;
      open.set(streams);
    }
    // The client connects again, to who takes this one's place.
    call.end();
  };

  // What fails is said here; the library would write to stderr besides.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server({
    "grpc.max_receive_message_length": LIMITS.scalerRequestBytesMax,
    "grpc.max_metadata_size": LIMITS.scalerRequestBytesMax,
    "grpc.keepalive_time_ms": KEEP_ALIVE_MS,
    "grpc.keepalive_timeout_ms": KEEP_ALIVE_MS,
    "grpc.enable_channelz": 0,
  });
  server.addService(serviceDefinition(), {
    IsActive: unary("IsActive", async (request) => {
      const { isActive } = await targets.answer(targetOf(scaledObjectSchema.parse(request)));
      return { result: isActive };
    }),
    StreamIsActive: (call: ServerWritableStream<unknown, object>) => {
      streamIsActive(call).catch((error: unknown) => call.emit("error", fail("StreamIsActive", error)));
    },
    GetMetricSpec: unary("GetMetricSpec", async (request) => {
      const target = targetOf(scaledObjectSchema.parse(request));
      // A stage that does not exist is told when the trigger is made, not when it is first needed.
      await targets.answer(target);
      return { metricSpecs: [{ metricName: metricOf(target), targetSize: TARGET_SIZE, targetSizeFloat: TARGET_SIZE }] };
    }),
    GetMetrics: unary("GetMetrics", async (request) => {
      const { scaledObjectRef, metricName } = metricsRequestSchema.parse(request);
      const target = targetOf(scaledObjectRef);
      const { replicas } = await targets.answer(target);
      const name = metricName === "" ? metricOf(target) : metricName;
      return { metricValues: [{ metricName: name, metricValue: replicas, metricValueFloat: replicas }] };
    }),
  });

  return {
    get port() {
      return port;
    },
    async start() {
      port = await bind(server, listen);
      logger.info({ host: listen.host, port }, "the scaler listens");
    },
    async stop(signal) {
      stopping.abort();
      port = null;
      const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      const letGo = (): void => server.forceShutdown();
      signal.addEventListener("abort", letGo, { once: true });
      if (signal.aborted) letGo();
      await closed;
      signal.removeEventListener("abort", letGo);
    },
  };
}

/** The metric's name in the HPA. */
function metricOf({ stage }: ScalerTarget): string {
  return `millrace-${stage}`;
}

function serviceDefinition(): ServiceDefinition {
  const definition = loadSync(PROTO, { longs: Number, defaults: true, keepCase: true })[
    "externalscaler.ExternalScaler"
  ];
  if (definition === undefined || "format" in definition)
    throw new TypeError("externalscaler.proto has no service ExternalScaler");
  return definition;
}

function bind(server: Server, { host, port }: ScalerServerOptions["listen"]): Promise<number> {
  const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else
        reject(
          new MillraceError("PORT_IN_USE", `the scaler cannot listen on ${address}: ${errorText(error)}`, {
            cause: error,
            remedy: "Stop what listens there, or choose another port with --scaler-port.",
          }),
        );
    });
  });
}

function tooManyStreams(): MillraceError {
  return new MillraceError("LIMIT_EXCEEDED", `${LIMITS.scalerStreamsMax} clients are told of changes already`, {
    remedy: "One stream for each trigger is enough: see who else asks.",
  });
}
