import { describe, expect, it } from "vitest";
import { readConfig } from "../../../app/config.ts";

const target = (environment: Readonly<Record<string, string>>, traceSample: unknown = "0.5") =>
  readConfig({ traceSample }, {}, environment).tracing;

describe("settings of traces", () => {
  it("are off unless somebody asks for a share, and then nothing of OpenTelemetry's is looked at", () => {
    expect(readConfig({}, {}, { OTEL_EXPORTER_OTLP_ENDPOINT: "grpc://nowhere" }).tracing).toBeNull();
    expect(target({ OTEL_EXPORTER_OTLP_HEADERS: "garbage" }, "0")).toBeNull();
  });

  it("take the collector's address as OpenTelemetry has it", () => {
    expect(target({})?.url).toBe("http://localhost:4318/v1/traces");
    expect(target({ OTEL_EXPORTER_OTLP_ENDPOINT: "https://a:1/base/" })?.url).toBe("https://a:1/base/v1/traces");
    expect(
      target({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://a:1", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://b:2/own" })?.url,
    ).toBe("http://b:2/own");
  });

  it("take headers in percent-encoding, those for traces first", () => {
    expect(target({ OTEL_EXPORTER_OTLP_HEADERS: "X-Key=a%20b=c, other = 1," })?.headers).toEqual({
      "x-key": "a b=c",
      other: "1",
    });
    const both = { OTEL_EXPORTER_OTLP_HEADERS: "a=1", OTEL_EXPORTER_OTLP_TRACES_HEADERS: "b=2" };
    expect(target(both)?.headers).toEqual({ b: "2" });
  });

  it("say who sends the spans", () => {
    expect(target({})?.resource).toMatchObject({ "service.name": "millrace", "millrace.role": "all" });
    expect(target({ OTEL_SERVICE_NAME: "edge" })?.resource).toMatchObject({ "service.name": "edge" });
  });

  it.each([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" }, "OTEL_EXPORTER_OTLP_ENDPOINT"],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "grpc://collector:4317" }, "OTEL_EXPORTER_OTLP_ENDPOINT"],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "nothing" }, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"],
    [{ OTEL_EXPORTER_OTLP_HEADERS: "secret" }, "OTEL_EXPORTER_OTLP_HEADERS"],
    [{ OTEL_EXPORTER_OTLP_HEADERS: "=secret" }, "OTEL_EXPORTER_OTLP_HEADERS"],
    [{ OTEL_EXPORTER_OTLP_HEADERS: "a b=secret" }, "OTEL_EXPORTER_OTLP_HEADERS"],
    [{ OTEL_EXPORTER_OTLP_HEADERS: "a=secret%" }, "OTEL_EXPORTER_OTLP_HEADERS"],
    [{ OTEL_EXPORTER_OTLP_HEADERS: "a=secret%0d%0ab" }, "OTEL_EXPORTER_OTLP_HEADERS"],
  ])("refuse %j by name, and show no value of a header", (environment, name) => {
    expect(() => target(environment)).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringContaining(name) }),
    );
    expect(() => target(environment)).not.toThrow(/secret/);
  });

  it.each(["-0.1", "1.1", "a lot", "NaN"])("refuse %s as a share", (share) => {
    expect(() => target({}, share)).toThrow(/trace-sample/);
  });
});
