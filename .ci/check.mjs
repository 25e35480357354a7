// What stands before each commit, in two lanes: tests wait for disks and timers most of the time, what reads the source only does not. What
// a step says is printed when it has ended, so that lanes do not mix. Usage: npm run check
import { spawn } from "node:child_process";

const LANES = [["format:check", "types", "lint", "knip"], ["test:quick"]];

function run(step) {
  const begun = performance.now();
  // One string: npm is a shell script on Windows.
  const child = spawn(`npm run --silent ${step}`, { shell: true, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
  return new Promise((resolve) => {
    child.once("close", (code) => {
      const seconds = Math.round((performance.now() - begun) / 1000);
      console.log(`${said}=== ${step}: ${code === 0 ? "ok" : "FAILED"}, ${seconds} s`);
      resolve(code === 0);
    });
  });
}

async function runLane(steps) {
  let ok = true;
  for (const step of steps) ok = (await run(step)) && ok;
  return ok;
}

const outcomes = await Promise.all(LANES.map(runLane));
process.exitCode = outcomes.every(Boolean) ? 0 : 1;
