import { randomBytes } from "node:crypto";
import { readConfig } from "../../app/config.ts";
import { startMillrace } from "../../app/start.ts";

/**
 * An instance whose log leaves every sync out, so that its acknowledgements promise nothing: the durability test must notice it.
 * Takes the place of bin/millrace.js, takes the same flags as far as the test needs them, and prints the same line.
 */
const flag = (name: string): string | undefined => process.argv[process.argv.indexOf(name) + 1];
const config = readConfig(
  {
    data: flag("--data"),
    mqttPort: 0,
    ingestPort: 0,
    httpPort: 0,
    clickhouse: false,
    webhookUrl: flag("--webhook-url"),
  },
  {},
  {},
);
const begun = performance.now();
const millrace = await startMillrace(config, { sync: false });
const token = randomBytes(32).toString("base64url");
await millrace.threads.services("ensureDevice", "first-device", token);
const { adminToken, mqttUrl: mqtt, mqttsUrl: mqtts, ingestUrl: ingest, httpUrl: dashboard } = millrace;
const readyMs = performance.now() - begun;
console.log(JSON.stringify({ readyMs, dashboard, mqtt, mqtts, ingest, device: "first-device", token, adminToken }));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void millrace.stop(5000));
