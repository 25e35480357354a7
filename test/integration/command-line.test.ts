import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connectAsync } from "mqtt";
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
  return failsWith(1, args);
}

/** The same for what cannot be asked in this way. */
async function isRefused(...args: readonly string[]): Promise<string> {
  return failsWith(2, args);
}

async function failsWith(expected: number, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await millrace(...args);
  expect(stdout).toBe("");
  expect(stderr.trim()).toMatch(/^millrace: [^\n]+[^\s.]\.$/);
  expect(code).toBe(expected);
  return stderr.trim();
}

function file(name: string, text: string): string {
  const path = join(directory.path, name);
  writeFileSync(path, text);
  return path;
}

test("devices add prints a token that opens the broker, and the list has the device", async () => {
  const added = await prints("devices", "add", "boiler-1", "--name", "Boiler, cellar", "--label", "site=north");
  const { port } = new URL(instance.ready.mqtt);
  expect(added).toMatch(/^Device boiler-1 is there\. Its token, shown this once:\nmr_d_[\w-]{43}\n\nSend a reading:\n/);
  expect(added).toMatch(
    new RegExp(`\\n {2}mosquitto_pub -h 127\\.0\\.0\\.1 -p ${port} -u boiler-1 -P mr_d_[\\w-]{43} -q 1 `),
  );
  const { id, token } = await printsJson<{ id: string; token: string }>("devices", "add", "boiler-2");
  expect(id).toBe("boiler-2");
  expect(token).toMatch(/^mr_d_/);
  expect(await prints("devices", "list", "--search", "cellar")).toMatch(
    /^device +name +type +via +state +last seen\nboiler-1 +Boiler, cellar +– +– +enabled +never\n$/,
  );
  const listed = await printsJson<{ id: string; labels: object }[]>("devices", "list", "--search", "boiler");
  expect(listed.map((device) => device.id)).toEqual(["boiler-1", "boiler-2"]);
  expect(listed[0]?.labels).toEqual({ site: "north" });
  expect(await prints("devices", "list", "--search", "no such thing")).toBe("No device matches.\n");
});

test("devices add refuses what cannot be, in one sentence", async () => {
  await prints("devices", "add", "twice");
  expect(await fails("devices", "add", "twice")).toMatch(/"twice" already\. See it with millrace devices list/);
  expect(await isRefused("devices", "add", "a b")).toContain('"a b" is no device id. Use 1 to 128 characters');
  expect(await isRefused("devices", "add", "x", "--type", "nope")).toContain("Apply the type first");
  expect(await isRefused("devices", "add", "x", "--label", "nonsense")).toMatch(
    /Write it as key=value\. See millrace devices add --help\.$/,
  );
});

test("devices rotate, disable, enable and remove do so and say so", async () => {
  await prints("devices", "add", "fan-1");
  expect(await prints("devices", "rotate", "fan-1")).toMatch(/^New token of fan-1; .*\nmr_d_[\w-]{43}\n$/);
  expect((await printsJson<{ token: string }>("devices", "rotate", "fan-1")).token).toMatch(/^mr_d_/);
  expect(await prints("devices", "disable", "fan-1")).toContain("its kept sessions are gone");
  expect(await prints("devices", "list", "--search", "fan-1")).toMatch(/fan-1 .* disabled /);
  expect(await printsJson("devices", "enable", "fan-1")).toEqual({ id: "fan-1", disabled: false });
  expect(await printsJson("devices", "disable", "fan-1")).toEqual({ id: "fan-1", disabled: true });
  expect(await prints("devices", "enable", "fan-1")).toBe("Device fan-1 is enabled.\n");
  expect(await prints("devices", "remove", "fan-1", "--yes")).toContain("is removed");
  await prints("devices", "add", "fan-2");
  expect(await printsJson("devices", "remove", "fan-2", "--yes")).toEqual({ id: "fan-2", removed: true });
  expect(await prints("devices", "list", "--search", "fan-")).toBe("No device matches.\n");
});

test("devices add and assign say which gateway publishes for a device", async () => {
  expect(await prints("devices", "add", "box-1", "--provisions")).toMatch(
    /\n {2}millrace devices add DEVICE --via box-1\n$/,
  );
  expect(await prints("devices", "add", "behind-1", "--via", "box-1")).toMatch(/\nIts gateway box-1 publishes for it /);
  expect(await prints("devices", "list", "--search", "box-1")).toMatch(/\nbox-1 +box-1 +– +\(gateway\) +enabled /);
  expect(await printsJson("devices", "list", "--search", "behind")).toMatchObject([{ via: "box-1", gateway: false }]);
  expect(await prints("devices", "assign", "behind-1", "--via", "")).toBe("No gateway publishes for behind-1.\n");
  expect(await printsJson("devices", "assign", "behind-1", "--via", "box-1")).toEqual({ id: "behind-1", via: "box-1" });
  expect(await isRefused("devices", "assign", "behind-1", "--via", "nobody")).toContain("millrace devices add GATEWAY");
  expect(await isRefused("devices", "assign", "box-1", "--via", "behind-1")).toContain('"behind-1" is no gateway');
  expect(await fails("devices", "assign", "nobody", "--via", "")).toContain('no device "nobody"');
  // More rows than one request takes, and the gateway last.
  const rows = Array.from({ length: 1200 }, (_, index) => `meter-${index},box-2,\n`);
  const meters = file("meters.csv", `id,via,gateway\n${rows.join("")}box-2,,true\n`);
  expect(await prints("devices", "import", meters)).toMatch(
    /^1201 created, 0 changed, 0 unchanged\.\nNo token in the file for box-2\. /,
  );
});

test.each(["rotate", "disable", "enable", "remove --yes"])(
  "devices %s of a device that does not exist says where to look",
  async (verb) => {
    const given = await fails("devices", ...verb.split(" "), "nobody");
    expect(given).toMatch(/no device "nobody".* See millrace devices list\.$/);
  },
);

test("devices remove and undeploy do nothing where nobody can be asked, and name --yes", async () => {
  await prints("devices", "add", "kept-1");
  const asked = "nobody is there to be asked whether to";
  expect(await isRefused("devices", "remove", "kept-1")).toContain(`${asked} remove device kept-1. Add --yes.`);
  expect(await isRefused("undeploy", "nothing")).toContain(`${asked} undeploy nothing. Add --yes.`);
  expect(await printsJson("devices", "list", "--search", "kept-1")).toHaveLength(1);
  expect(await fails("undeploy", "nothing", "--yes")).toContain('there is no function "nothing"');
});

test("devices import takes a CSV file, and names file and line of what it does not take", async () => {
  const good = file("good.csv", "id,name,token,label.site\nimported-1,One,,north\nimported-2,Two,a-token-of-2,\n");
  expect(await prints("devices", "import", good)).toMatch(
    /^2 created, 0 changed, 0 unchanged\.\nNo token in the file for imported-1\. .* millrace devices rotate ID/,
  );
  const counts = { created: 0, changed: 0, unchanged: 2 };
  expect(await printsJson("devices", "import", good)).toEqual({ imported: 2, ...counts, without: ["imported-1"] });
  expect(await printsJson<object[]>("devices", "list", "--search", "imported")).toHaveLength(2);
  const bad = file("bad.csv", "id,name\nfine,One\nnot fine,Two\nnot fine either,\n");
  expect(await isRefused("devices", "import", bad)).toMatch(/bad\.csv: line 3: id.*; line 4: id/);
  expect(await prints("devices", "list", "--search", "fine")).toBe("No device matches.\n");
  expect(await isRefused("devices", "import", join(directory.path, "absent.csv"))).toContain("cannot be read: ENOENT");
});

test("devices import makes tokens that open the broker, in a file for nobody else", async () => {
  const list = file("tokenless.csv", "id,token\nnew-1,\nold-1,token-of-old-1\n");
  const tokens = join(directory.path, "tokens.csv");
  expect(await prints("devices", "import", list, "--tokens-to", tokens)).toBe(
    `2 created, 0 changed, 0 unchanged.\n1 new token is in ${tokens}.\n`,
  );
  expect(statSync(tokens).mode & 0o777).toBe(0o600);
  const [, token = ""] = /^id,token\nnew-1,(mr_d_[\w-]{43})\n$/.exec(readFileSync(tokens, "utf8")) ?? [];
  const client = await connectAsync(instance.ready.mqtt, { username: "new-1", password: token });
  await client.endAsync();
  expect(await isRefused("devices", "import", list, "--tokens-to", tokens)).toContain(
    "Name a file that is not there yet.",
  );
});

test("apply makes types, devices and rules once, and names file and line of what it does not take", async () => {
  const document = file(
    "config.yaml",
    "types:\n  - id: pump\n    metrics: { flow: { unit: l/s } }\ndevices:\n  - { id: applied-1, type: pump }\n",
  );
  expect(await prints("apply", document)).toBe("2 created, 0 changed, 0 unchanged.\n");
  expect(await printsJson("apply", document)).toEqual({ created: 0, changed: 0, unchanged: 2 });
  const bad = file("bad.yaml", "types: 5\n");
  expect(await isRefused("apply", bad)).toContain(`${bad}: line 1, column 8`);
  expect(await isRefused("apply", join(directory.path, "absent.yaml"))).toContain("cannot be read: ENOENT");
});

test("simulate publishes as many messages as asked for, and the audit accounts for each", async () => {
  expect(await prints("simulate", "--devices", "3", "--messages", "30", "--rate", "200")).toMatch(
    /^30 of 30 messages acknowledged, 0 never sent, from 3 devices\.\n$/,
  );
  const result = await printsJson("simulate", "--devices", "2", "--messages", "20", "--rate", "200", "--seed", "other");
  expect(result).toMatchObject({ devices: 2, sent: 20, acknowledged: 20, dropped: 0 });
  const { ledger, balanced } = await printsJson<AuditReport>("audit");
  expect(ledger.messages).toMatchObject({ admitted: 50, difference: 0 });
  expect(balanced).toBe(true);
  const table = await prints("audit");
  expect(table).toMatch(/^Messages\nadmitted +=? +processed .*difference\n +50 /);
  expect(table).toMatch(/not compared with tables/);
  expect(table).toMatch(/Balanced: \d+ devices, no difference\.\n$/);
});

test("query says what there is to ask, and that readings need tables", async () => {
  expect(await prints("query", "alarms")).toBe("Nothing found.\n");
  expect(await printsJson("query", "alarms")).toEqual([]);
  expect(await isRefused("query", "nonsense")).toContain("Ask for readings, aggregates, alarms");
  expect(await isRefused("query", "readings")).toContain("Write millrace query readings DEVICE.");
  expect(await fails("query", "readings", "nobody")).toMatch(/no device "nobody"\. See millrace devices list\.$/);
  expect(await fails("query", "readings", "first-device")).toContain("without ClickHouse");
  expect(await isRefused("query", "readings", "first-device", "--from", "then")).toContain("then is not a time");
  expect(await isRefused("query", "alarms", "--limit", "0")).toMatch(
    /It is a whole number from 1 to 1000\. See millrace query --help\.$/,
  );
});

test("doctor sees the running instance, and beside it what a second one would lack", async () => {
  const report = await prints("doctor");
  expect(report).toMatch(/^ok {4}node +24\./);
  expect(report).toContain(`running at ${instance.httpUrl}`);
  const findings = await printsJson<{ check: string; ok: boolean }[]>("doctor");
  expect(findings.every((finding) => finding.ok)).toBe(true);
  const { port } = new URL(instance.ready.mqtt);
  const second = await millrace(
    "doctor",
    "--data",
    join(directory.path, "second"),
    "--mqtt-port",
    port,
    "--ingest-port",
    "0",
  );
  expect(second.stdout).toMatch(new RegExp(`FAIL {2}port +127\\.0\\.0\\.1:${port} is taken\\. Stop what uses it`));
  expect(second.stdout).toMatch(/ok {4}data +\S+ will be made on the first start/);
  expect(second.code).toBe(1);
});

test("a command finds no instance, another one, or one that does not know the token: each says what to do", async () => {
  expect(await fails("audit", "--data", join(directory.path, "nowhere"))).toMatch(
    /no Millrace is running on the data directory \S+\. Start it \(millrace start\), name its data directory with --data or MILLRACE_DATA/,
  );
  expect(await fails("audit", "--url", instance.httpUrl, "--token", "wrong")).toContain(
    "Give the admin token with --token.",
  );
  expect(await isRefused("audit", "--url", "nonsense")).toContain("Write http://HOST:PORT.");
  const token = instance.ready.adminToken ?? "";
  const elsewhere = ["--data", join(directory.path, "nowhere"), "--url", instance.httpUrl, "--token", token];
  expect(await prints("audit", ...elsewhere)).toContain("Balanced");
});

test("with --json a failure is one line with its code", async () => {
  const { code, stderr } = await millrace("devices", "rotate", "nobody", "--json");
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: "NOT_FOUND", remedy: "See millrace devices list." } });
  expect(code).toBe(1);
});

test("with --json a command that was typed wrongly is one line as well", async () => {
  for (const args of [["strat"], ["audit", "--nope"], ["devices"], ["query", "alarms", "--limit", "x"], ["flush"]]) {
    const { code, stdout, stderr } = await millrace(...args, "--json");
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: "INVALID_INPUT", remedy: expect.stringMatching(/^See millrace .*--help\.$/) },
    });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  }
});

test("a command's help names the global options, and no default that says nothing", async () => {
  for (const args of [["devices", "add"], ["simulate"], ["start"], ["flush"]]) {
    const help = await prints(...args, "--help");
    expect(help).toMatch(/--json/);
    expect(help).not.toMatch(/default: (\{\}|\[\]|false)/);
  }
  expect(await prints("simulate", "--help")).toContain("metric NAME=COLUMN");
});

test("help and version are no failures", async () => {
  expect(await prints("--version")).toMatch(/^\d+\.\d+\.\d+\n$/);
  const help = await prints("--help");
  for (const command of ["start", "devices", "query", "audit", "apply", "flush", "link", "doctor", "simulate"]) {
    expect(help).toMatch(new RegExp(`^  ${command}[ |]`, "m"));
  }
});
