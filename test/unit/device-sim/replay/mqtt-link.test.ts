import { expect, test } from "vitest";
import { parseBrokerUrl } from "../../../../device-sim/replay/mqtt-link.ts";

test("an address has a scheme, a host and perhaps a port", () => {
  expect(parseBrokerUrl("mqtt://127.0.0.1:2000")).toEqual({ host: "127.0.0.1", port: 2000, tls: false });
  expect(parseBrokerUrl("mqtt://[::1]")).toEqual({ host: "::1", port: 1883, tls: false });
  expect(parseBrokerUrl("mqtts://broker.example")).toEqual({ host: "broker.example", port: 8883, tls: true });
});

test.for(["localhost:1883", "http://localhost", "mqtt://", "", "ws://localhost"])("%j is no address", (text) => {
  expect(() => parseBrokerUrl(text)).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
});
