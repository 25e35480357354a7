#!/usr/bin/env node
// Plain JavaScript that every Node understands, so that an old one gets a sentence instead of a syntax error.
const NODE_MAJOR_MIN = 24;
const major = Number(process.versions.node.split(".")[0]);

if (major < NODE_MAJOR_MIN) {
  console.error(
    `millrace: this is Node ${process.versions.node}, and Millrace needs ${NODE_MAJOR_MIN} or newer. ` +
      "Run it through npm in its folder (npm start, npm run millrace -- …), which brings its own Node, or install Node 24.",
  );
  process.exit(2);
}

const { takeNodeFlags, wantsLittleMemory } = await import("../app/node-flags.ts");
if (wantsLittleMemory()) {
  const { startWithLittleMemory } = await import("../app/thread-bundle/start-with-little-memory.ts");
  startWithLittleMemory();
}
takeNodeFlags();
const { main } = await import("../app/cli.ts");
await main(process.argv);
