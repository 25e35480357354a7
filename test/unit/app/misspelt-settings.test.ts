import { expect, test } from "vitest";
import { configReference } from "../../../app/config.ts";
import { misspeltSettings } from "../../../app/misspelt-settings.ts";

test("a variable that is nearly a setting is told with the setting that it is like", () => {
  expect(misspeltSettings({ MILLRACE_MQTT_PROT: "1884", MILLRACE_LOG_RETENTION_HOUR: "24", HOME: "/" })).toEqual([
    { variable: "MILLRACE_MQTT_PROT", meant: "MILLRACE_MQTT_PORT" },
    { variable: "MILLRACE_LOG_RETENTION_HOUR", meant: "MILLRACE_LOG_RETENTION_HOURS" },
  ]);
});

test("settings, variables of others, and what Kubernetes sets for a Service are not", () => {
  const settings = Object.fromEntries(configReference().map(({ variable }) => [variable, "x"]));
  expect(misspeltSettings(settings)).toEqual([]);
  expect(
    misspeltSettings({
      MILLRACE_CHROMIUM: "/usr/bin/chromium",
      MILLRACE_RELAY_TOKEN: "x",
      MILLRACE_LIMIT_PACKET_BYTES_MAX: "1",
      MILLRACE_PORT: "tcp://10.0.0.1:1883",
      MILLRACE_SERVICE_HOST: "10.0.0.1",
      MILLRACE_SERVICE_PORT_HTTP: "8080",
      MILLRACE_PORT_1883_TCP_ADDR: "10.0.0.1",
    }),
  ).toEqual([]);
});
