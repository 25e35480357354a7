// Fails when installing has changed what the lock file says. Usage: node .ci/compare-locks.mjs BEFORE AFTER
import { readFileSync } from "node:fs";

const [before, after] = process.argv.slice(2).map((path) => JSON.parse(readFileSync(path, "utf8")).packages);
const changed = Object.keys(before).filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
const added = Object.keys(after).filter((name) => before[name] === undefined);
// Not every registry serves every platform's binaries: one that has more than that on which the file was made only completes it.
const unexpected = added.filter((name) => after[name].optional !== true);

for (const name of added) console.log(`the lock file lacks ${name}: commit it as npm has completed it`);
for (const name of changed) console.log(`npm has changed the entry of ${name || "the project itself"}`);
if (changed.length + unexpected.length > 0) process.exit(1);
console.log(`${Object.keys(before).length} entries, none changed`);
