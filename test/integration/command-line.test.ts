import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runMillraceAsync, startInstance, temporaryDirectory } from "../support/instance.ts";
import type { AuditReport } from "../../core/audit-report.ts";
import type { CommandResult, Instance } from "../support/instance.ts";

/** Every command as a person types it: what it prints, what it prints with --json, and how it ends. */
let directory: ReturnType<typeof temporaryDirectory>;
let instance: Instance;
beforeAll(async () => {
  directory = temporaryDirectory();
  instance = await startInstance({ data: join(directory.path, "data"), flags: ["--no-clickhouse"] });
});
afterAll(async () => {
  await instance.stop();
  directory.dispose();
});

const millrace = (...args: readonly string[]): Promise<CommandResult> =>
  runMillraceAsync(args, { MILLRACE_DATA: join(directory.path, "data") });

/** Runs it, wants it to succeed silently on standard error, and gives what it printed. */
async function prints(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await millrace(...args);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return stdout;
}

async function printsJson<T>(...args: readonly string[]): Promise<T> {
  const text = await prints(...args, "--json");
  expect(text.trim()).not.toContain("\n");
  const value: T = JSON.parse(text);
  return value;
}

/** Runs it, wants one sentence of failure, and gives it. */
async function fails(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await millrace(...args);
  expect(stdout).toBe("");
  expect(stderr.trim()).toMatch(/^millrace: [^\n]+\.$/);
  expect(code).toBe(1);
  return stderr.trim();
}

function file(name: string, text: string): string {
  const path = join(directory.path, name);
  writeFileSync(path, text);
  return path;
}

test("devices add prints a token that opens the broker, and the list has the device", async () => {
  const added = await prints("devices", "add", "boiler-1", "--name", "Boiler, cellar", "--label", "site=north");
  expect(added).toMatch(/^Device boiler-1 is there\. Its token, shown this once:\nmr_d_[\w-]{43}\n$/);
  const { id, token } = await printsJson<{ id: string; token: string }>("devices", "add", "boiler-2");
  expect(id).toBe("boiler-2");
  expect(token).toMatch(/^mr_d_/);
  expect(await prints("devices", "list", "--search", "cellar")).toMatch(
    /^device +name +type +state +last seen\nboiler-1 +Boiler, cellar +– +enabled +never\n$/,
  );
  const listed = await printsJson<{ id: string; labels: object }[]>("devices", "list", "--search", "boiler");
  expect(listed.map((device) => device.id)).toEqual(["boiler-1", "boiler-2"]);
  expect(listed[0]?.labels).toEqual({ site: "north" });
  expect(await prints("devices", "list", "--search", "no such thing")).toBe("No device matches.\n");
});

test("devices add refuses what cannot be, in one sentence", async () => {
  await prints("devices", "add", "twice");
  expect(await fails("devices", "add", "twice")).toContain("twice");
  expect(await fails("devices", "add", "a b")).toContain('"a b" is no device id. Use 1 to 128 characters');
  expect(await fails("devices", "add", "x", "--type", "nope")).toContain("Apply the type first");
  const { code, stderr } = await millrace("devices", "add", "x", "--label", "nonsense");
  expect(stderr).toContain("Write it as key=value.");
  expect(code).toBe(2);
});

test("devices rotate, disable, enable and remove do so and say so", async () => {
  await prints("devices", "add", "fan-1");
  expect(await prints("devices", "rotate", "fan-1")).toMatch(/^New token of fan-1; .*\nmr_d_[\w-]{43}\n$/);
  expect((await printsJson<{ token: string }>("devices", "rotate", "fan-1")).token).toMatch(/^mr_d_/);
  expect(await prints("devices", "disable", "fan-1")).toContain("its connections are closed and its token is refused");
  expect(await prints("devices", "list", "--search", "fan-1")).toMatch(/fan-1 .* disabled /);
  expect(await printsJson("devices", "enable", "fan-1")).toEqual({ id: "fan-1", disabled: false });
  expect(await printsJson("devices", "disable", "fan-1")).toEqual({ id: "fan-1", disabled: true });
  expect(await prints("devices", "enable", "fan-1")).toBe("Device fan-1 is enabled.\n");
  expect(await prints("devices", "remove", "fan-1")).toContain("is removed");
  await prints("devices", "add", "fan-2");
  expect(await printsJson("devices", "remove", "fan-2")).toEqual({ id: "fan-2", removed: true });
  expect(await prints("devices", "list", "--search", "fan-")).toBe("No device matches.\n");
});

test.each(["rotate", "disable", "enable", "remove"])(
  "devices %s of a device that does not exist says where to look",
  async (verb) => {
    expect(await fails("devices", verb, "nobody")).toMatch(/no device "nobody".* See millrace devices list\.$/);
  },
);

test("devices import takes a CSV file, and names file and line of what it does not take", async () => {
  const good = file("good.csv", "id,name,label.site\nimported-1,One,north\nimported-2,Two,\n");
  expect(await prints("devices", "import", good)).toBe("2 devices imported.\n");
  expect(await printsJson("devices", "import", good)).toEqual({ imported: 2 });
  expect(await printsJson<object[]>("devices", "list", "--search", "imported")).toHaveLength(2);
  const bad = file("bad.csv", "id,name\nfine,One\nnot fine,Two\n");
  expect(await fails("devices", "import", bad)).toContain(`${bad}: line 3: id`);
  expect(await prints("devices", "list", "--search", "fine")).toBe("No device matches.\n");
  expect(await fails("devices", "import", join(directory.path, "absent.csv"))).toContain("cannot be read: ENOENT");
});

test("apply makes types, devices and rules once, and names file and line of what it does not take", async () => {
  const document = file(
    "config.yaml",
    "types:\n  - id: pump\n    metrics: { flow: { unit: l/s } }\ndevices:\n  - { id: applied-1, type: pump }\n",
  );
  expect(await prints("apply", document)).toBe("2 created, 0 changed, 0 unchanged.\n");
  expect(await printsJson("apply", document)).toEqual({ created: 0, changed: 0, unchanged: 2 });
  const bad = file("bad.yaml", "types: 5\n");
  expect(await fails("apply", bad)).toContain(`${bad}: line 1, column 8`);
  expect(await fails("apply", join(directory.path, "absent.yaml"))).toContain("cannot be read: ENOENT");
});

test("simulate publishes as many messages as asked for, and the audit accounts for each", async () => {
  expect(await prints("simulate", "--devices", "3", "--messages", "30", "--rate", "200")).toMatch(
    /^30 of 30 messages acknowledged, 0 never sent, from 3 devices\.\n$/,
  );
  const result = await printsJson("simulate", "--devices", "2", "--messages", "20", "--rate", "200", "--seed", "other");
  expect(result).toMatchObject({ devices: 2, sent: 20, acknowledged: 20, dropped: 0 });
  const { ledger, balanced, devices } = await printsJson<AuditReport>("audit");
  expect(ledger.messages).toMatchObject({ admitted: 50, difference: 0 });
  expect({ balanced, devices }).toEqual({ balanced: true, devices: 3 });
  const table = await prints("audit");
  expect(table).toMatch(/^Messages\nadmitted +=? +processed .*difference\n +50 /);
  expect(table).toMatch(/not compared with tables/);
  expect(table).toMatch(/Balanced: 3 devices, no difference\.\n$/);
});

test("simulate refuses what cannot be, before it registers a device", async () => {
  expect(await fails("simulate", "--devices", "0")).toContain("--devices 0 is not a whole number above 0");
  expect(await fails("simulate", "--rate", "fast")).toContain("--rate fast is not a number above 0");
  expect(await fails("simulate", "--without", "gravity")).toMatch(/no feature gravity\. Name any of daily-curve/);
  const nobody = await fails("simulate", "--mqtt", "mqtt://127.0.0.1:1", "--messages", "1");
  expect(nobody).toMatch(/nobody listens at mqtt:\/\/127\.0\.0\.1:1: .*Name the broker with --mqtt\.$/);
  expect(await fails("simulate", "--mqtt", "nonsense")).toContain("Write mqtt://HOST:PORT.");
  expect(await fails("simulate", "--replay", "absent.csv")).toContain("--replay needs --map");
  expect(await fails("simulate", "--replay", "absent.csv", "--map", "campusiot")).toContain("cannot read absent.csv");
});

test("flush takes an ISO time or milliseconds, and nothing else", async () => {
  expect(await prints("flush", "--up-to", "2026-01-01T00:00:00Z")).toBe("Flushed up to 2026-01-01T00:00:00.000Z.\n");
  expect(await printsJson("flush", "--up-to", "1767225600000")).toEqual({ upTo: 1767225600000 });
  expect(await fails("flush", "--up-to", "yesterday")).toContain("yesterday is not a time. Write 2026-01-31T12:00:00Z");
});

test("query says what there is to ask, and that readings need tables", async () => {
  expect(await prints("query", "alarms")).toBe("Nothing found.\n");
  expect(await printsJson("query", "alarms")).toEqual([]);
  expect(await fails("query", "nonsense")).toContain("Ask for readings, aggregates, alarms");
  expect(await fails("query", "readings")).toContain("Write millrace query readings DEVICE.");
  expect(await fails("query", "readings", "nobody")).toContain('no device "nobody"');
  expect(await fails("query", "readings", "first-device")).toContain("without ClickHouse");
  expect(await fails("query", "readings", "first-device", "--from", "then")).toContain("then is not a time");
  const { code, stderr } = await millrace("query", "alarms", "--limit", "0");
  expect(stderr).toContain("It is a whole number from 1 to 1000.");
  expect(code).toBe(2);
});

test("doctor sees the running instance, and beside it what a second one would lack", async () => {
  const report = await prints("doctor");
  expect(report).toMatch(/^ok {4}node +24\./);
  expect(report).toContain(`running at ${instance.httpUrl}`);
  const findings = await printsJson<{ check: string; ok: boolean }[]>("doctor");
  expect(findings.every((finding) => finding.ok)).toBe(true);
  const { port } = new URL(instance.ready.mqtt);
  const second = await millrace("doctor", "--data", join(directory.path, "second"), "--mqtt-port", port);
  expect(second.stdout).toMatch(new RegExp(`FAIL {2}port +127\\.0\\.0\\.1:${port} is taken\\. Stop what uses it`));
  expect(second.stdout).toMatch(/ok {4}data +\S+ will be made on the first start/);
  expect(second.code).toBe(1);
});

test("a command finds no instance, another one, or one that does not know the token: each says what to do", async () => {
  expect(await fails("audit", "--data", join(directory.path, "nowhere"))).toMatch(
    /no Millrace is running on the data directory \S+\. Start it \(millrace start\), or name another with --url/,
  );
  expect(await fails("audit", "--url", instance.httpUrl, "--token", "wrong")).toContain(
    "Give the admin token with --token.",
  );
  expect(await fails("audit", "--url", "nonsense")).toContain("Write http://HOST:PORT.");
  const token = instance.ready.adminToken ?? "";
  const elsewhere = ["--data", join(directory.path, "nowhere"), "--url", instance.httpUrl, "--token", token];
  expect(await prints("audit", ...elsewhere)).toContain("Balanced");
});

test("with --json a failure is one line with its code", async () => {
  const { code, stderr } = await millrace("devices", "rotate", "nobody", "--json");
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: "NOT_FOUND", remedy: "See millrace devices list." } });
  expect(code).toBe(1);
});

test("help and version are no failures", async () => {
  expect(await prints("--version")).toMatch(/^\d+\.\d+\.\d+\n$/);
  const help = await prints("--help");
  for (const command of ["start", "devices", "query", "audit", "apply", "flush", "doctor", "simulate"]) {
    expect(help).toMatch(new RegExp(`^  ${command} `, "m"));
  }
});
