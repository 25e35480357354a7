import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildThreads } from "../../../app/thread-bundle/build-threads.ts";
import { BUNDLES } from "../../../app/thread-bundle/manifest.ts";
import { ThreadBundle } from "../../../app/thread-bundle/thread-bundle.ts";
import { silentLogger, type Logger } from "../../../core/logger.ts";
import { said, SmallInstallation } from "../../support/small-installation.ts";

let place: SmallInstallation;
let warnings: string[];
let logger: Logger;
beforeEach(() => {
  place = new SmallInstallation();
  warnings = [];
  logger = {
    ...silentLogger,
    warn: (fields, text) => void warnings.push(`${text} ${JSON.stringify(fields)}`),
  };
});
afterEach(() => place.dispose());

const build = async (root: string): Promise<void> => void (await buildThreads(root));

/** What a thread that is started now says; null when it is started from the sources. */
async function next(bundle: ThreadBundle): Promise<unknown> {
  const entry = bundle.entry(logger);
  return entry === null ? null : said(fileURLToPath(entry));
}

describe("a process that starts threads", () => {
  it("starts the first from the sources and the next from the bundle, where none has been built", async () => {
    const bundle = new ThreadBundle({ root: place.root, build });
    expect(await next(bundle)).toBe(null);
    await bundle.built;
    expect(await next(bundle)).toBe("first");
    expect(warnings).toEqual([]);
  });

  it("starts the first from a bundle that is there, and builds nothing", async () => {
    await buildThreads(place.root);
    const bundle = new ThreadBundle({ root: place.root, build: () => Promise.reject(new Error("not to be called")) });
    expect(await next(bundle)).toBe("first");
    await bundle.built;
    expect(warnings).toEqual([]);
  });

  it("does not start what a source said before", async () => {
    await buildThreads(place.root);
    place.write("app/threads/says.ts", `export const says: string = "later";`);
    const bundle = new ThreadBundle({ root: place.root, build });
    expect(await next(bundle)).toBe(null);
    await bundle.built;
    expect(await next(bundle)).toBe("later");
  });

  it("says that a bundle is damaged, and builds it again", async () => {
    await buildThreads(place.root);
    place.write(`${BUNDLES}/manifest.json`, "{");
    const bundle = new ThreadBundle({ root: place.root, build });
    expect(await next(bundle)).toBe(null);
    await bundle.built;
    expect(await next(bundle)).toBe("first");
    expect(warnings).toEqual([expect.stringContaining("manifest.json is damaged")]);
  });

  it("goes on from the sources where none can be built, and says why, once", async () => {
    place.write("dist", "a file");
    const bundle = new ThreadBundle({ root: place.root, build });
    expect(await next(bundle)).toBe(null);
    await bundle.built;
    expect(await next(bundle)).toBe(null);
    expect(warnings).toEqual([expect.stringMatching(/cannot be built.*npm run build.*(EEXIST|ENOTDIR)/)]);
  });

  it("goes on from the sources when what was built is not of the sources any more", async () => {
    const bundle = new ThreadBundle({
      root: place.root,
      async build(root) {
        await buildThreads(root);
        place.write("app/threads/says.ts", `export const says: string = "later";`);
      },
    });
    expect(await next(bundle)).toBe(null);
    await bundle.built;
    expect(await next(bundle)).toBe(null);
    expect(warnings).toEqual([expect.stringContaining("says.ts has changed")]);
  });

  it("goes on from the sources when the bundle is gone, and says so, once", async () => {
    await buildThreads(place.root);
    const bundle = new ThreadBundle({ root: place.root, build });
    const entry = bundle.entry(logger);
    if (entry !== null) rmSync(dirname(fileURLToPath(entry)), { recursive: true });
    expect(await next(bundle)).toBe(null);
    expect(await next(bundle)).toBe(null);
    expect(warnings).toEqual([expect.stringContaining("it is gone")]);
  });

  it("goes on from the sources when threads do not come up with it", async () => {
    await buildThreads(place.root);
    const bundle = new ThreadBundle({ root: place.root, build });
    expect(await next(bundle)).toBe("first");
    bundle.giveUp("SyntaxError", logger);
    bundle.giveUp("SyntaxError", logger);
    expect(await next(bundle)).toBe(null);
    expect(warnings).toEqual([expect.stringContaining("SyntaxError")]);
  });
});
