import { existsSync, readdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildThreads } from "../../../app/thread-bundle/build-threads.ts";
import { BUNDLES, findBundle, MANIFEST } from "../../../app/thread-bundle/manifest.ts";
import { said, SmallInstallation } from "../../support/small-installation.ts";

let place: SmallInstallation;
beforeEach(() => void (place = new SmallInstallation()));
afterEach(() => place.dispose());

/** Fails when there is none. */
function entryOf(): string {
  const found = findBundle(place.root);
  if (found.entry === null) throw new Error(found.text);
  return found.entry;
}

const folders = (): readonly string[] => readdirSync(join(place.root, BUNDLES)).filter((name) => name !== MANIFEST);

describe("the bundle of threads", () => {
  it("is missing before it is built, and then runs what the sources say", async () => {
    expect(findBundle(place.root)).toMatchObject({ entry: null, reason: "missing" });
    expect(await buildThreads(place.root)).toBe(true);
    expect(await said(entryOf())).toBe("first");
  });

  it("is not built again for the same sources", async () => {
    await buildThreads(place.root);
    expect(await buildThreads(place.root)).toBe(false);
  });

  it("never runs what a source said before", async () => {
    await buildThreads(place.root);
    place.write("app/threads/says.ts", `export const says: string = "later";`);
    expect(findBundle(place.root)).toEqual({
      entry: null,
      reason: "outdated",
      text: "app/threads/says.ts has changed since it was built",
    });
    expect(await buildThreads(place.root)).toBe(true);
    expect(await said(entryOf())).toBe("later");
    expect(folders()).toHaveLength(1);
  });

  it.each(["package.json", "app/thread-bundle/build-threads.ts"])("is outdated when %s is another", async (file) => {
    await buildThreads(place.root);
    place.write(file, "{ }");
    expect(findBundle(place.root)).toMatchObject({ reason: "outdated", text: expect.stringContaining(file) });
  });

  it("is outdated when a source is gone", async () => {
    await buildThreads(place.root);
    rmSync(join(place.root, "app/threads/says.ts"));
    expect(findBundle(place.root)).toMatchObject({ entry: null, reason: "outdated" });
    await expect(buildThreads(place.root)).rejects.toThrow("Could not resolve");
  });

  it.each([
    ["half", (file: string) => truncateSync(file, 10)],
    ["gone", (file: string) => rmSync(file)],
  ])("is of no use when it is %s, and is built again", async (_, damage) => {
    await buildThreads(place.root);
    damage(entryOf());
    expect(findBundle(place.root)).toMatchObject({ entry: null, reason: "damaged" });
    await buildThreads(place.root);
    expect(await said(entryOf())).toBe("first");
  });

  it.each(["", "{", JSON.stringify({ v: 2 }), JSON.stringify({ v: 1, folder: "..", inputs: {}, outputs: {} })])(
    "is of no use with the manifest %j, and is built again",
    async (text) => {
      await buildThreads(place.root);
      place.write(join(BUNDLES, MANIFEST), text);
      expect(findBundle(place.root)).toMatchObject({ entry: null, reason: "damaged" });
      await buildThreads(place.root);
      expect(await said(entryOf())).toBe("first");
    },
  );

  it("is not made of a module that asks where it lies", async () => {
    place.write("app/threads/says.ts", "export const says = import.meta.url;");
    await expect(buildThreads(place.root)).rejects.toThrow("app/threads/says.ts uses import.meta");
    expect(existsSync(join(place.root, BUNDLES))).toBe(false);
  });

  it("is not made where its folder cannot be", async () => {
    place.write("dist", "a file");
    await expect(buildThreads(place.root)).rejects.toThrow(/EEXIST|ENOTDIR/);
  });

  it("leaves nothing of builds that were killed, and lets those be that run", async () => {
    place.write(join(BUNDLES, "new-1/functions.js"), "");
    place.write(join(BUNDLES, "0123456789abcdef/functions.js"), "");
    await buildThreads(place.root);
    expect(folders()).toEqual(expect.arrayContaining(["new-1"]));
    expect(folders()).not.toContain("0123456789abcdef");
  });

  it("is not touched when only its manifest is gone: a thread may be starting with it", async () => {
    await buildThreads(place.root);
    const before = statSync(dirname(entryOf()));
    rmSync(join(place.root, BUNDLES, MANIFEST));
    expect(await buildThreads(place.root)).toBe(true);
    const { ino } = statSync(dirname(entryOf()));
    expect(ino).toBe(before.ino);
  });

  it("is built by several at once as by one", async () => {
    await Promise.all([buildThreads(place.root), buildThreads(place.root), buildThreads(place.root)]);
    expect(await said(entryOf())).toBe("first");
  });
});
