import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openTlsContext } from "../../../broker/tls-context.ts";
import { silentLogger } from "../../../core/logger.ts";
import { eventually } from "../../support/broker-harness.ts";
import { type Authority, createAuthority, noCertificates } from "../../support/certificates.ts";
import { temporaryDirectory } from "../../support/instance.ts";

describe.skipIf(noCertificates !== null)(`certificate files (needs ${noCertificates ?? "openssl"})`, () => {
  const directory = temporaryDirectory();
  const path = (name: string): string => join(directory.path, name);
  const files = { cert: path("cert"), key: path("key"), clientCa: path("ca"), clientCertRequired: true };
  const lines: object[] = [];
  const keep = (fields: object, text: string): void => void lines.push({ ...fields, text });
  const open = () => openTlsContext(files, { ...silentLogger, info: keep, error: keep }, 10);
  let servers: Authority;
  let clients: Authority;

  beforeAll(() => {
    servers = createAuthority("test authority");
    clients = createAuthority("authority of devices");
    const { cert, key } = servers.issue("first");
    writeFileSync(files.cert, cert);
    writeFileSync(files.key, key);
  });
  afterAll(() => {
    for (const owned of [servers, clients, directory]) owned.dispose();
  });

  test("authorities are taken with comments and line ends of any kind", async () => {
    writeFileSync(files.clientCa, `devices of the plant\n${clients.cert.replaceAll("\n", "\r\n")}${servers.cert}`);
    await expect(open()).resolves.toBeDefined();
  });

  test("a file without a whole certificate cannot be served", async () => {
    for (const [ca, why] of [
      ["", "holds no certificate"],
      ["no authority", "holds no certificate"],
      [clients.cert.slice(0, 200), "holds no certificate"],
      [clients.cert + servers.cert.slice(0, 200), "ends in the middle of a certificate"],
    ] as const) {
      writeFileSync(files.clientCa, ca);
      await expect(open()).rejects.toMatchObject({
        code: "CONFIG_INVALID",
        message: `TLS cannot be served: ${files.clientCa} ${why}`,
      });
    }
  });

  test("an authority that is emptied while it is used is refused, and the old one stays", async () => {
    writeFileSync(files.clientCa, clients.cert);
    const context = await open();
    let changes = 0;
    context.watch([{ setSecureContext: () => void changes++ }]);
    writeFileSync(files.clientCa, "");
    await eventually(() => lines.length > 0, "it is noticed");
    context.stop();
    expect(lines).toEqual([
      {
        cert: files.cert,
        error: `${files.clientCa} holds no certificate`,
        text: "a new certificate is refused, and the old one stays",
      },
    ]);
    expect(changes).toBe(0);
  });
});
