import { writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { connectAsync, type IClientOptions } from "mqtt";
import { expect, test } from "vitest";
import { createAuthority, noCertificates } from "../support/certificates.ts";
import { runMillraceAsync, startInstance, temporaryDirectory } from "../support/instance.ts";

test("an instance takes telemetry over HTTP, and a repeated Idempotency-Key counts once through a kill", async () => {
  const directory = temporaryDirectory();
  const flags = ["--no-clickhouse"];
  let instance = await startInstance({ data: directory.path, flags });
  const post = async (): Promise<number> => {
    const headers = {
      authorization: `Bearer ${instance.ready.token}`,
      "content-type": "application/json",
      "idempotency-key": "k",
    };
    const body = '{"temperature":21.5}';
    return (await fetch(`${instance.ready.ingest}/v1/telemetry`, { method: "POST", headers, body })).status;
  };
  expect([await post(), await post()]).toEqual([204, 204]);
  await instance.kill();
  instance = await startInstance({ data: directory.path, flags });
  expect(await post()).toBe(204);
  const audit = await runMillraceAsync(["audit", "--json", "--data", directory.path]);
  expect(JSON.parse(audit.stdout)).toMatchObject({
    balanced: true,
    ledger: { messages: { admitted: 2, processed: 1, duplicate: 1 } },
  });
  await instance.stop();
  directory.dispose();
});

test.skipIf(noCertificates !== null)(
  `an instance with TLS lets a device in by its certificate, and out when it is disabled (needs ${noCertificates ?? "openssl"})`,
  async () => {
    const directory = temporaryDirectory();
    const authority = createAuthority("test authority");
    const { cert, key } = authority.issue("gateway");
    const files = { cert: join(directory.path, "cert.pem"), key: join(directory.path, "key.pem") };
    writeFileSync(files.cert, cert);
    writeFileSync(files.key, key);
    const tls = ["--tls-cert", files.cert, "--tls-key", files.key, "--tls-client-ca", authority.certPath];
    const data = join(directory.path, "data");
    const instance = await startInstance({ data, flags: ["--no-clickhouse", ...tls] });
    const device = { ca: authority.cert, ...authority.issue(instance.ready.device) };
    const options: IClientOptions = { ...device, reconnectPeriod: 0 };
    const client = await connectAsync(instance.ready.mqtts ?? "", options);
    await client.publishAsync(`millrace/default/${instance.ready.device}/telemetry`, '{"t":1}', { qos: 1 });
    expect(instance.ready.ingest).toMatch(/^https:/);
    const status = await new Promise((resolve, reject) => {
      const { ingest } = instance.ready;
      const sent = request(`${ingest}/v1/telemetry`, { method: "POST", ...device, agent: false }, (response) =>
        resolve(response.resume().statusCode),
      );
      sent.on("error", reject);
      sent.end('{"t":2}');
    });
    expect(status).toBe(204);
    const closed = new Promise((resolve) => client.once("close", () => resolve("closed")));
    await runMillraceAsync(["devices", "disable", instance.ready.device, "--data", data]);
    expect(await closed).toBe("closed");
    await expect(connectAsync(instance.ready.mqtts ?? "", options)).rejects.toThrow(/Not authorized/);
    await instance.stop();
    authority.dispose();
    directory.dispose();
  },
);
