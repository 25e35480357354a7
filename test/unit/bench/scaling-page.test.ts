import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readCosts } from "../../../bench/scaling/measured-costs.ts";
import { withTables } from "../../../bench/scaling/scaling-page.ts";
import { scalingTables } from "../../../bench/scaling/scaling-tables.ts";

const PAGE = fileURLToPath(new URL("../../../docs/scaling.md", import.meta.url));
/** However the formatter aligns columns. */
const plain = (text: string): string => text.replaceAll(/-{3,}:?/g, "---").replaceAll(/[ \t]+/g, " ");

describe("docs/scaling.md", () => {
  test("says what the model makes of the measured figures as they are now: else run `npm run bench -- scaling`", () => {
    const page = readFileSync(PAGE, "utf8");
    expect(plain(page)).toBe(plain(withTables(page, scalingTables(readCosts()))));
  });

  test("says nothing of a simulation that disagrees with the model", () => {
    const [, ...rows] = scalingTables(readCosts())["simulation"] ?? [];
    expect(rows.map((row) => row.at(-1))).toEqual(rows.map(() => "yes"));
    expect(rows.length).toBe(9);
  });

  test("is not written with a table that nothing makes, or without one that is made", () => {
    const block = (name: string): string => `<!-- table: ${name} -->\n<!-- end -->`;
    expect(() => withTables(block("other"), {})).toThrow("the table other, which nothing makes");
    expect(() => withTables("", { costs: [["a"]] })).toThrow("does not show the tables costs");
    expect(withTables(`before\n${block("costs")}\nafter`, { costs: [["what"], ["it"]] })).toBe(
      "before\n<!-- table: costs -->\n\n| what |\n| ---- |\n| it   |\n\n<!-- end -->\nafter",
    );
  });
});
