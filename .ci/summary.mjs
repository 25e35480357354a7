import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";

/** Adds vitest's JSON reports up: names what was skipped and what failed, then counts. Exit code 1 when something failed. */
const REASON_LINES = 12;
const counts = { passed: 0, failed: 0, skipped: 0 };
const skipped = [];
const failed = [];

for (const path of process.argv.slice(2)) {
  if (!existsSync(path)) {
    // A run that was stopped writes no report.
    failed.push(`${basename(path)}: the run did not end`);
    counts.failed++;
    continue;
  }
  for (const file of JSON.parse(readFileSync(path, "utf8")).testResults) {
    const name = file.name.slice(process.cwd().length + 1);
    for (const test of file.assertionResults) {
      const title = `${name}: ${test.fullName}`;
      if (test.status === "passed") counts.passed++;
      else if (test.status === "failed") {
        counts.failed++;
        // The reason stands here too: the end of the output is what is looked at first.
        const reason = (test.failureMessages ?? []).join("\n").split("\n").slice(0, REASON_LINES);
        failed.push([title, ...reason].join("\n    "));
      } else {
        counts.skipped++;
        skipped.push(title);
      }
    }
    // A file that cannot be loaded has no tests to fail.
    if (file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed")) {
      counts.failed++;
      failed.push(`${name}: ${file.message}`);
    }
  }
}

if (skipped.length > 0) console.log(`Skipped:\n${skipped.map((name) => `- ${name}`).join("\n")}\n`);
if (failed.length > 0) console.log(`Failed:\n${failed.map((name) => `- ${name}`).join("\n")}\n`);
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed > 0 ? 1 : 0;
