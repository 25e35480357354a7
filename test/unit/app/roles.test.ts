import { describe, expect, it } from "vitest";
import { checkRoles } from "../../../app/check-roles.ts";
import { readConfig } from "../../../app/config.ts";
import { rolesOf } from "../../../app/roles.ts";

const SHARED = {
  MILLRACE_KAFKA_BROKERS: "k:9092",
  MILLRACE_DATABASE_URL: "postgres://u@h/d",
  MILLRACE_INSTALLATION_SECRET: "5e".repeat(32),
};

function check(role: string, environment: Readonly<Record<string, string>>): void {
  checkRoles(readConfig({ role }, {}, { ...environment }));
}

describe("roles", () => {
  it("are all of them, or those that are named", () => {
    expect([...rolesOf("all")]).toEqual(["gateway", "processors", "sinks", "api"]);
    expect([...rolesOf("api,gateway")]).toEqual(["gateway", "api"]);
  });

  it("that do not exist are refused with those that do", () => {
    expect(() => check("gateways", {})).toThrow(
      /is no value for role: it is all, or some of gateway,processors,sinks,api/,
    );
  });

  it("need nothing when one process has all", () => {
    expect(() => check("all", {})).not.toThrow();
  });

  it("on their own need what all processes share, each named with its setting", () => {
    expect(() => check("processors", {})).toThrow(
      /MILLRACE_KAFKA_BROKERS, MILLRACE_DATABASE_URL, MILLRACE_INSTALLATION_SECRET$/,
    );
    expect(() => check("processors", SHARED)).not.toThrow();
  });

  it("serve a scaler of pods where the API is, on Kafka", () => {
    const scaler = { ...SHARED, MILLRACE_CLICKHOUSE: "false", MILLRACE_SCALER_PORT: "8082" };
    expect(() => check("api", scaler)).not.toThrow();
    expect(() => check("all", scaler)).not.toThrow();
    expect(() => check("processors,sinks", scaler)).toThrow("role processors,sinks serves no scaler of pods");
    expect(() => check("all", { MILLRACE_SCALER_PORT: "8082" })).toThrow("a scaler of pods needs the log on Kafka");
    expect(() => check("api", { ...scaler, MILLRACE_SCALER_PORT: "65536" })).toThrow(
      '"65536" is no value for scaler-port: it is a whole number from 0 to 65535',
    );
  });

  it("that fill tables and read them in two processes need a server for them", () => {
    for (const role of ["sinks", "api"]) {
      expect(() => check(role, SHARED)).toThrow(/: MILLRACE_CLICKHOUSE_URL$/);
      expect(() => check(role, { ...SHARED, MILLRACE_CLICKHOUSE_URL: "http://u:p@h:8123/d" })).not.toThrow();
      expect(() => check(role, { ...SHARED, MILLRACE_CLICKHOUSE: "false" })).not.toThrow();
    }
    expect(() => check("sinks,api", SHARED)).not.toThrow();
  });
});
