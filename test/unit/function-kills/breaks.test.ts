import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { BREAKS, BROKEN_NAMES } from "../../function-kills/breaks.ts";
import { brokenFiles } from "../../support/broken-source.ts";

describe.each(BROKEN_NAMES)("the broken build %s", (name) => {
  it("finds what it breaks in the source, once", () => {
    expect(brokenFiles(BREAKS[name], join(import.meta.dirname, "..", "..", ".."))).toHaveLength(BREAKS[name].length);
  });
});
