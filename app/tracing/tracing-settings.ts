import { hostname } from "node:os";
import { z } from "zod";
import { MillraceError } from "../../core/errors.ts";
import { packageVersion } from "../package-version.ts";

/** Settings of traces: a part of those in config.ts. The rest has the names that OpenTelemetry gives it. */
export const tracingSettings = {
  traceSample: z.coerce
    .number({ error: "it is a number from 0 to 1" })
    .min(0, "it is a number from 0 to 1")
    .max(1, "it is a number from 0 to 1")
    .default(0)
    .describe(
      "Share of messages that are traced from publish to row, such as 0.001; 0: none, and nothing of tracing is loaded. See tracing.md for where spans go.",
    ),
};

/** Where spans go, and what is said of who sends them. Goes through `workerData`. */
export interface TracingTarget {
  /** Of the request: OTLP over HTTP, in JSON. */
  readonly url: string;
  /** Its headers besides those of every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Attributes of the resource, without those of the thread. */
  readonly resource: Readonly<Record<string, string>>;
}

/** OpenTelemetry's own variables that are read, where traces are switched on. docs/configuration.md shows them. */
export const OTEL_VARIABLES = {
  OTEL_EXPORTER_OTLP_ENDPOINT: "Base address of the collector; /v1/traces is appended. Default http://localhost:4318.",
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "Address for traces, taken as it is; wins over the one above.",
  OTEL_EXPORTER_OTLP_HEADERS: "Headers for the collector: name=value,name=value with values in percent-encoding.",
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: "The same for traces; wins over the one above.",
  OTEL_SERVICE_NAME: "service.name of all spans. Default millrace.",
} as const;

const DEFAULT_ENDPOINT = "http://localhost:4318";
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What a header may hold (RFC 9110, 5.5), without what is not ASCII. */
const HEADER_VALUE = /^[\t\x20-\x7e]*$/;

/** Null where nothing is traced: then none of the variables is looked at. CONFIG_INVALID for one that cannot be used. */
export function readTracingTarget(
  { traceSample, role }: { readonly traceSample: number; readonly role: string },
  environment: NodeJS.ProcessEnv,
): TracingTarget | null {
  if (traceSample === 0) return null;
  return {
    url: urlOf(environment),
    headers: headersOf(environment),
    resource: {
      "service.name": given(environment, "OTEL_SERVICE_NAME") ?? "millrace",
      "service.version": packageVersion(),
      "service.instance.id": `${hostname()}:${process.pid}`,
      "millrace.role": role,
    },
  };
}

function urlOf(environment: NodeJS.ProcessEnv): string {
  const own = given(environment, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  const base = given(environment, "OTEL_EXPORTER_OTLP_ENDPOINT");
  const variable = own === undefined ? "OTEL_EXPORTER_OTLP_ENDPOINT" : "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
  const text = own ?? `${(base ?? DEFAULT_ENDPOINT).replace(/\/+$/, "")}/v1/traces`;
  const protocol = URL.canParse(text) ? new URL(text).protocol : "";
  if (protocol === "http:" || protocol === "https:") return text;
  throw refusal(
    variable,
    "it is no URL that begins with http:// or https://",
    "Traces are sent with OTLP over HTTP, port 4318 of most collectors.",
  );
}

function headersOf(environment: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const own = given(environment, "OTEL_EXPORTER_OTLP_TRACES_HEADERS");
  const variable = own === undefined ? "OTEL_EXPORTER_OTLP_HEADERS" : "OTEL_EXPORTER_OTLP_TRACES_HEADERS";
  const headers: Record<string, string> = {};
  for (const pair of (own ?? given(environment, "OTEL_EXPORTER_OTLP_HEADERS") ?? "").split(",")) {
    if (pair.trim() === "") continue;
    const at = pair.indexOf("=");
    const name = pair.slice(0, Math.max(at, 0)).trim().toLowerCase();
    const value = decoded(pair.slice(at + 1).trim());
    if (!HEADER_NAME.test(name) || value === null || !HEADER_VALUE.test(value)) {
      // The value may be a secret.
      throw refusal(variable, "it is not of the form name=value,name=value", "Write values in percent-encoding.");
    }
    headers[name] = value;
  }
  return headers;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function given(environment: NodeJS.ProcessEnv, name: keyof typeof OTEL_VARIABLES): string | undefined {
  const text = environment[name];
  return text === undefined || text.trim() === "" ? undefined : text.trim();
}

function refusal(variable: string, why: string, what: string): MillraceError {
  return new MillraceError("CONFIG_INVALID", `${variable} cannot be used: ${why}`, {
    remedy: `Correct ${variable}, or set --trace-sample to 0. ${what}`,
  });
}
