import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runMillraceAsync } from "../support/instance.ts";

/** Every example passes its own tests, run as a person runs them. */
const EXAMPLES = join(import.meta.dirname, "../../examples");
const projects = readdirSync(EXAMPLES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

test("there are projects", () => {
  expect(projects).toEqual(["cold-chain", "energy-metering", "factory-vibration"]);
});

test.each(projects)("the tests of examples/%s pass", async (project) => {
  const { code, stdout, stderr } = await runMillraceAsync(["test", join(EXAMPLES, project), "--json"]);
  expect(stderr).toBe("");
  const { passed, failed, tests } = JSON.parse(stdout);
  expect(tests.filter((one: { passed: boolean }) => !one.passed)).toEqual([]);
  expect(failed).toBe(0);
  expect(passed).toBeGreaterThanOrEqual(8);
  expect(code).toBe(0);
});
