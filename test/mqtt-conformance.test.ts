import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mqttConformanceRule } from "./tidy/mqtt-conformance-rule.ts";
import { readTree, sourceFile } from "./tidy/source-tree.ts";

const PAGE = "docs/mqtt-conformance.md";
const tree = readTree(join(import.meta.dirname, ".."));
const page = tree.find(({ path }) => path === PAGE)?.text ?? "";
const rule = mqttConformanceRule(tree);

describe("each statement of MQTT 3.1.1 has a test, and none is made up", () => {
  test("in this tree", () => {
    expect(page).not.toBe("");
    expect(rule(tree)).toEqual([]);
  });

  test.each<readonly [title: string, path: string, text: string]>([
    ["a statement that the page leaves out", PAGE, page.replace(/^\| 3\.1\.2-24 .*\n/m, "")],
    ["one that does not exist", PAGE, page.replace("| 3.1.2-24", "| 3.1.2-25")],
    ["one that is there twice", PAGE, page.replace("2.3.1-2, 2.3.1-3", "2.3.1-2, 2.3.1-3, 2.2.2-1")],
    ["a test that does not exist", PAGE, page.replace("` a second CONNECT", "` a third CONNECT")],
    ["a test in another file", PAGE, page.replace("`integration/broker-hostile`", "`integration/broker-qos-2`")],
    ["a test that cites one that does not exist", "test/integration/a.test.ts", `// [MQTT-${"3.1.2-25"}]`],
    ["code that cites a clause without statements", "broker/a.ts", `// [MQTT-${"4.3.9-1"}]`],
  ])("%s is caught", (_title, path, text) => {
    expect(text).not.toBe(page);
    expect(rule([sourceFile(path, text)])).toHaveLength(path === PAGE && text.includes("3.1.2-25") ? 2 : 1);
  });

  test("what stands in the standard is left alone, as it misprints it too", () => {
    expect(rule([sourceFile("broker/a.ts", "// [MQTT-3.1.2-24] [MQTT-3-8.3-4], MQTT 5, 3.1.2")])).toEqual([]);
  });
});
