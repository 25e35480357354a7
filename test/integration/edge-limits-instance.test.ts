import { expect, test } from "vitest";
import { startInstance, temporaryDirectory } from "../support/instance.ts";
import { openRaw, rawConnect, rawPublish } from "../support/raw-mqtt.ts";

const TOPIC = "v1/devices/me/telemetry";

test("a ceiling that the environment sets holds, and /metrics tells that it was breached", async () => {
  const directory = temporaryDirectory();
  const environment = {
    MILLRACE_LIMIT_PAYLOAD_BYTES_MAX: "100",
    MILLRACE_LIMIT_MESSAGES_PER_SECOND_PER_CONNECTION_MAX: "10",
    MILLRACE_LIMIT_PUBLISH_BURST_MS: "200",
  };
  const instance = await startInstance({ data: directory.path, flags: ["--no-clickhouse"], environment });
  try {
    const peer = await openRaw(Number(new URL(instance.ready.mqtt).port));
    const sent = [1, 2, 3, 4].map((id) => rawPublish(TOPIC, '{"x":1}', id));
    peer.send(rawConnect({ rest: ["device", instance.ready.token] }), ...sent, rawPublish(TOPIC, "x".repeat(101), 5));
    expect(await peer.closed).toBe("20020000400200014002000240020003".concat("40020004"));
    const metrics = await (await fetch(`${instance.httpUrl}/metrics`)).text();
    expect(metrics).toContain('millrace_mqtt_refused_total{reason="payload-too-large"} 1');
    expect(metrics).toMatch(/millrace_mqtt_paused_total\{by="connection"\} [1-9]/);
  } finally {
    await instance.stop();
    directory.dispose();
  }
});

test("a name that is no ceiling is refused at the start, with the one that was meant", async () => {
  const directory = temporaryDirectory();
  const environment = { MILLRACE_LIMIT_PAYLOAD_BYTE_MAX: "100" };
  try {
    await expect(startInstance({ data: directory.path, environment })).rejects.toThrow(
      "MILLRACE_LIMIT_PAYLOAD_BYTES_MAX",
    );
  } finally {
    directory.dispose();
  }
});
