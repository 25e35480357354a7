import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDataDirectory } from "../../../app/data-directory.ts";
import { temporaryDirectory } from "../../support/instance.ts";

test("each start has the epoch behind the last one", () => {
  using directory = disposable();
  expect([openOnce(directory.path), openOnce(directory.path)]).toEqual([1, 2]);
});

test("a start that ended before there was an epoch is begun again", () => {
  using directory = disposable();
  openOnce(directory.path);
  rmSync(join(directory.path, "epoch"));
  expect(openOnce(directory.path)).toBe(1);
});

test.each(["log", "registry.sqlite", "gateway.id", "sessions.mdb"])(
  "a directory with %s and without its epoch is not opened",
  (store) => {
    using directory = disposable();
    openOnce(directory.path);
    rmSync(join(directory.path, "epoch"));
    writeFileSync(join(directory.path, store), "");
    expect(() => openOnce(directory.path)).toThrow(
      expect.objectContaining({
        code: "DATA_FORMAT_UNSUPPORTED",
        message: expect.stringContaining("epoch is missing"),
        remedy: expect.stringContaining("greater than the count of all starts"),
      }),
    );
  },
);

test.each(["installation.secret", "epoch", "format"])(
  "a file that cannot be read is no bug of the program: %s",
  (name) => {
    using directory = disposable();
    openOnce(directory.path);
    rmSync(join(directory.path, name));
    mkdirSync(join(directory.path, name));
    expect(() => openOnce(directory.path)).toThrow(
      expect.objectContaining({ code: "DATA_DIRECTORY_UNWRITABLE", remedy: expect.stringContaining("files in it") }),
    );
    rmSync(join(directory.path, name), { recursive: true });
    expect(() => openOnce(directory.path)).not.toThrow();
  },
);

/** The epoch of a start that ends at once. */
function openOnce(path: string): number {
  const directory = openDataDirectory(path);
  directory.release();
  return directory.epoch;
}

function disposable() {
  const { path, dispose } = temporaryDirectory();
  return { path, [Symbol.dispose]: dispose };
}
