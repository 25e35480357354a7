import { resolve } from "node:path";
import { runTests } from "../functions/run-tests.ts";
import { EXIT } from "./output.ts";

/** `millrace test [DIR]`: exit code 1 when a test fails. */
export async function testCommand(folder: string, { json }: { readonly json: boolean }): Promise<number> {
  const results = await runTests(resolve(folder), json ? null : process.stdout);
  const failed = results.filter(({ passed }) => !passed).length;
  if (json) console.log(JSON.stringify({ passed: results.length - failed, failed, tests: results }));
  return failed === 0 ? EXIT.ok : EXIT.failed;
}
