import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import { silentLogger } from "../../../core/logger.ts";
import { openRegistry } from "../../../registry/open-registry.ts";

const SECRET = Buffer.alloc(32, 7);
const REGISTRY = new URL("../../../registry/open-registry.ts", import.meta.url).href;

/** Puts three devices at a time for ever, and says so after each. */
const WRITER = `
  const { openRegistry } = await import(${JSON.stringify(REGISTRY)});
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const registry = await openRegistry({ path: process.argv[1], clock: Date, secret: Buffer.alloc(32, 7), logger });
  for (let n = Number(process.argv[2]); ; n++) {
    const devices = ["a", "b", "c"].map((part) => ({ tenant: "acme", id: "d" + n + part }));
    await registry.devices.put(devices, "writer");
    console.log(n);
  }
`;

it("keeps every acknowledged change whole when the process is killed in the middle of writing", async () => {
  const directory = await mkdtemp(join(tmpdir(), "millrace-kill-"));
  const path = join(directory, "registry.sqlite");
  const acknowledged: number[] = [];
  for (const round of [0, 1, 2]) {
    const child = spawn(process.execPath, ["--input-type=module", "-e", WRITER, path, String(round * 1_000_000)]);
    let seen = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged.push(Number(line));
      if (++seen === 20 + round * 17) child.kill("SIGKILL");
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    expect(child.signalCode).toBe("SIGKILL");
  }
  const registry = await openRegistry({ path, clock: { now: () => 1 }, secret: SECRET, logger: silentLogger });
  const ids = new Set<string>();
  for (let after: string | null | undefined; after !== null;) {
    const page = await registry.devices.list({
      tenant: "acme",
      limit: 1000,
      ...(after === undefined ? {} : { after }),
    });
    for (const { id } of page.items) ids.add(id);
    after = page.next;
  }
  for (const n of acknowledged) for (const part of ["a", "b", "c"]) expect(ids).toContain(`d${n}${part}`);
  expect(ids.size % 3).toBe(0);
  // Each device has its control record: they were one transaction.
  expect(await registry.controlOutbox.pending(100_000)).toHaveLength(ids.size);
  await registry.close();
  await rm(directory, { recursive: true });
});
