import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connectApi } from "../../../../app/commands/api-client.ts";
import { readConfig } from "../../../../app/config.ts";

const isRoot = process.getuid?.() === 0;
const why = isRoot ? " (skipped: root may read every file)" : "";

let data = "";
beforeEach(() => (data = mkdtempSync(join(tmpdir(), "millrace-instance-"))));
afterEach(() => rmSync(data, { recursive: true }));

const connecting = () => connectApi(readConfig({ data }, {}, {}));

test("where no instance runs, the directory, --data and MILLRACE_DATA are named", () => {
  expect(connecting).toThrow(
    expect.objectContaining({
      code: "NOT_RUNNING",
      message: `no Millrace is running on the data directory ${data}`,
      remedy: expect.stringContaining("--data or MILLRACE_DATA"),
    }),
  );
});

test.skipIf(isRoot)(`the instance of another user is not one that does not run${why}`, () => {
  writeFileSync(join(data, "instance.json"), "{}");
  chmodSync(join(data, "instance.json"), 0);
  expect(connecting).toThrow(
    expect.objectContaining({
      code: "NOT_AUTHORIZED",
      message: `this user may not read ${join(data, "instance.json")}`,
      remedy: expect.stringContaining("as the user that runs Millrace"),
    }),
  );
});
