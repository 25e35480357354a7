import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildStart } from "../../../app/thread-bundle/build-threads.ts";
import { findBundle, START_PLACE } from "../../../app/thread-bundle/manifest.ts";
import { said, SmallInstallation } from "../../support/small-installation.ts";

let place: SmallInstallation;
beforeEach(() => {
  place = new SmallInstallation();
  for (const name of ["processors", "services", "shared"]) place.write(`app/threads/${name}.ts`, "");
});
afterEach(() => place.dispose());

/** What a start says that is made of these lines. */
async function startSays(...lines: readonly string[]): Promise<unknown> {
  place.write(
    "app/bundled-start.ts",
    [`import { parentPort } from "node:worker_threads";`, ...lines, "parentPort.postMessage(says);"].join("\n"),
  );
  await buildStart(place.root);
  return said(entryOf());
}

function entryOf(): string {
  const found = findBundle(place.root, START_PLACE);
  if (found.entry === null) throw new Error(found.text);
  return found.entry;
}

describe("the bundle that an installation with little memory runs from", () => {
  it("has each module find its files from where its source is", async () => {
    place.write("app/deeper/place.ts", "export const says: string = import.meta.url;");
    const url = pathToFileURL(join(place.root, "app/deeper/place.ts")).href;
    expect(await startSays(`import { says } from "./deeper/place.ts";`)).toBe(url);
  });

  it("takes of Node what is named, and not what comes with all of node:http", async () => {
    const says = await startSays(
      `import { createServer } from "node:http";`,
      `const says = [typeof createServer, process.moduleLoadList.some((name) => name.includes("undici"))];`,
    );
    expect(says).toEqual(["function", false]);
  });

  it("is no main module, whatever its sources do when they are", async () => {
    expect(await startSays("const says = import.meta.main ? 1 : 2;")).toBe(2);
  });

  it("has no character for which V8 would keep two bytes for each, and says the same", async () => {
    expect(await startSays(`const says = "→ 世界";`)).toBe("→ 世界");
    const folder = dirname(entryOf());
    for (const name of readdirSync(folder)) expect(readFileSync(join(folder, name), "utf8")).not.toMatch(/[^\0-\x7f]/);
  });

  it("is outdated when a source of it has changed, and leaves the bundle of threads alone", async () => {
    await startSays("const says = 1;");
    place.write("app/bundled-start.ts", "");
    expect(findBundle(place.root, START_PLACE)).toMatchObject({ entry: null, reason: "outdated" });
    expect(findBundle(place.root)).toMatchObject({ entry: null, reason: "missing" });
  });
});
