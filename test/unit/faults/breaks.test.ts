import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { BREAKS, BROKEN_NAMES } from "../../faults/breaks.ts";
import { FAULTS } from "../../faults/faults.ts";
import { brokenFiles } from "../../support/broken-source.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");

describe.each(BROKEN_NAMES)("the broken build %s", (name) => {
  it("finds what it breaks in the source, once", () => {
    const files = brokenFiles(BREAKS[name].edits, ROOT);
    expect(files).toHaveLength(BREAKS[name].edits.length);
    for (const { path, text } of files) expect(readFileSync(path, "utf8")).not.toBe(text);
  });

  it("runs faults that there are", () => {
    const kinds = BREAKS[name].arguments.at(-1)?.split(",") ?? [];
    for (const kind of kinds) expect(FAULTS.map((fault) => fault.kind)).toContain(kind);
  });
});
