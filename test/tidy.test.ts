import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createProgram } from "../app/all-commands.ts";
import { ceilingsRule } from "./tidy/ceilings-rule.ts";
import { commandsRule } from "./tidy/commands-rule.ts";
import { errorsPageRule } from "./tidy/errors-page-rule.ts";
import { folderRule } from "./tidy/folder-rule.ts";
import {
  environmentRule,
  noAnyRule,
  noBarrelRule,
  noDefaultExportRule,
  noInheritanceRule,
  noModuleStateRule,
} from "./tidy/language-rules.ts";
import { configurationPageRule } from "./tidy/configuration-page-rule.ts";
import { limitsPageRule } from "./tidy/limits-page-rule.ts";
import { messageFormatsPageRule } from "./tidy/message-formats-page-rule.ts";
import { metricsPageRule } from "./tidy/metrics-page-rule.ts";
import { partsRule } from "./tidy/parts-rule.ts";
import { pinnedVersionsRule } from "./tidy/pinned-versions-rule.ts";
import { fileLengthRule, functionLengthRule } from "./tidy/size-rule.ts";
import { LIMITS_SOURCES } from "../docs/write-limits.ts";
import { readTree, sourceFile, type TidyRule } from "./tidy/source-tree.ts";
import { fileNameRule, noLooseEndsRule } from "./tidy/text-rules.ts";
import { vendorRule } from "./tidy/vendor-rule.ts";

const tree = readTree(join(import.meta.dirname, ".."));

/** Each rule with examples that it must catch and examples that it must leave alone: [path, text]. */
interface RuleCase {
  readonly title: string;
  readonly rule: TidyRule;
  readonly bad: readonly (readonly [path: string, text: string])[];
  readonly good: readonly (readonly [path: string, text: string])[];
}

const lines = (count: number) => "void 0;\n".repeat(count);
const manifest = '{"scripts":{"start":"","test":""},"dependencies":{"zod":"4.6.7"}}';

const CASES: readonly RuleCase[] = [
  {
    title: "rooms import only what lies below them",
    rule: folderRule,
    bad: [
      ["core/a.ts", 'import { b } from "../wire/b.ts";'],
      ["broker/a.ts", 'import type { B } from "../log/b.ts";'],
      ["sinks/clickhouse/a.ts", 'export { b } from "../../runtime/b.ts";'],
      ["api/a.ts", 'const b = await import("../app/b.ts");'],
      ["registry/a.ts", 'export type B = import("../api/b.ts").B;'],
      ["engine/a.ts", 'import { readFileSync } from "node:fs";'],
      ["dashboard/web/a.tsx", 'import { hub } from "../hub.ts";'],
      ["kit/a.ts", 'import { decode } from "../wire/a.ts";'],
    ],
    good: [
      ["wire/a.ts", 'import { b } from "../core/b.ts";'],
      ["app/a.ts", 'import { b } from "../broker/b.ts";'],
      ["runtime/a.ts", 'import { b } from "../kit/b.ts";'],
      ["broker/a.ts", 'import { b } from "./b.ts"; import { c } from "../wire/c.ts"; import net from "node:net";'],
      [
        "dashboard/web/a.tsx",
        'import { b } from "../live-protocol.ts"; import { c } from "../../core/c.ts"; import "./a.css";',
      ],
      ["test/unit/a.test.ts", 'import { b } from "../../broker/b.ts";'],
    ],
  },
  {
    title: "each package stays in its room",
    rule: vendorRule,
    bad: [
      ["api/a.ts", 'import { open } from "lmdb";'],
      ["runtime/a.ts", 'import { DatabaseSync } from "node:sqlite";'],
      ["core/a.ts", 'import leftPad from "left-pad";'],
      ["app/a.ts", 'const m = await import("mqtt");'],
    ],
    good: [
      ["log/embedded/a.ts", 'import { open } from "lmdb";'],
      ["engine/a.ts", 'import { z } from "zod";'],
      ["test/unit/a.test.ts", 'import { open } from "lmdb";'],
    ],
  },
  {
    title: "a file has at most 300 lines",
    rule: fileLengthRule,
    bad: [["core/a.ts", lines(301)]],
    good: [["core/a.ts", lines(300)]],
  },
  {
    title: "a function has at most 60 lines, without the functions in it",
    rule: functionLengthRule,
    bad: [
      ["core/a.ts", `export function a() {\n${lines(59)}}`],
      ["core/b.ts", `export const b = () => {\n${lines(59)}};`],
      ["core/c.ts", `export class C {\n  c() {\n${lines(59)}  }\n}`],
      ["core/d.ts", `export function d() {\n  return () => {\n${lines(59)}  };\n}`],
    ],
    good: [
      ["core/a.ts", `export function a() {\n${lines(58)}}`],
      ["core/d.ts", `export function d() {\n${lines(40)}  return () => {\n${lines(40)}  };\n}`],
    ],
  },
  {
    title: "nothing is exported as default",
    rule: noDefaultExportRule,
    bad: [["core/a.ts", "export default 1;"]],
    good: [
      ["vitest.config.ts", "export default 1;"],
      ["core/a.ts", "export const a = 1;"],
    ],
  },
  {
    title: "no file only passes on what others export",
    rule: noBarrelRule,
    bad: [
      ["core/a.ts", 'export * from "./b.ts";'],
      ["core/b.ts", 'import { c } from "./c.ts";\nexport { c };'],
      ["core/index.ts", "export const a = 1;"],
    ],
    good: [["core/a.ts", 'export { b } from "./b.ts";\nexport const a = 1;']],
  },
  {
    title: "any is not used",
    rule: noAnyRule,
    bad: [
      ["core/a.ts", "export const a = (b: any) => b;"],
      ["core/b.ts", "export const b = new Map<string, any[]>();"],
    ],
    good: [["core/a.ts", 'export const any = "any"; // any']],
  },
  {
    title: "only app reads the environment",
    rule: environmentRule,
    bad: [
      ["broker/a.ts", 'const a = process.env["A"];'],
      ["log/a.ts", "const { A } = process.env;"],
      ["api/a.ts", 'import { env } from "node:process";'],
    ],
    good: [
      ["app/a.ts", "const { A } = process.env;"],
      ["test/unit/a.test.ts", "const { A } = process.env;"],
      ["broker/a.ts", "const pid = process.pid;"],
    ],
  },
  {
    title: "modules hold no state that changes",
    rule: noModuleStateRule,
    bad: [
      ["core/a.ts", "let a = 1; a++;"],
      ["core/b.ts", "export let b = 1;"],
    ],
    good: [["core/a.ts", "const a = 1; export function b() { let c = a; return c++; }"]],
  },
  {
    title: "classes inherit from nothing but Error",
    rule: noInheritanceRule,
    bad: [["core/a.ts", "class B {} export class A extends B {}"]],
    good: [["core/a.ts", "export class A extends Error {}"]],
  },
  {
    title: "no loose ends are left in the text",
    rule: noLooseEndsRule,
    bad: [
      ["core/a.ts", `// ${"TO"}DO: later`],
      ["docs/a.md", `${"FIX"}ME`],
    ],
    good: [["core/a.ts", "// a todo list of the user"]],
  },
  {
    title: "files and folders are named in kebab-case",
    rule: fileNameRule,
    bad: [
      ["core/eventLog.ts", ""],
      ["core/Event.ts", ""],
      ["core/some_thing/a.ts", ""],
    ],
    good: [
      ["core/event-log.ts", ""],
      ["README.md", ""],
      ["docs/adr/0001-acknowledge-point.md", ""],
      ["test/unit/a-b.test.ts", ""],
    ],
  },
  {
    title: "every interchangeable part has its own test",
    rule: partsRule,
    bad: [
      ["processors/clean.ts", ""],
      ["sinks/notify/webhook.ts", ""],
      ["log/kafka/producer.ts", ""],
      ["device-sim/profiles/pump.ts", ""],
    ],
    good: [
      ["sinks/journal-lane.ts", ""],
      ["device-sim/features/feature.ts", ""],
    ],
  },
  {
    title: "dependencies have exact versions",
    rule: pinnedVersionsRule,
    bad: [
      ["package.json", '{"dependencies":{"zod":"^4.6.7"}}'],
      ["package.json", '{"devDependencies":{"vitest":"latest"}}'],
    ],
    good: [["package.json", manifest]],
  },
  {
    title: "every error code is documented with its retry decision",
    rule: errorsPageRule,
    bad: [
      ["docs/errors.md", pageText("docs/errors.md").replace(/^\| `LOG_FULL`.*$/m, "")],
      ["docs/errors.md", pageText("docs/errors.md").replace(/(?<=`LOG_FULL` +\| )later/, "never")],
      ["docs/errors.md", `${pageText("docs/errors.md")}\n| \`NO_SUCH\` | never | Meaning. | Remedy. |`],
      ["docs/other.md", ""],
    ],
    good: [["docs/errors.md", pageText("docs/errors.md")]],
  },
  {
    title: "ceilings stand in core/limits.ts",
    rule: ceilingsRule,
    bad: [
      ["api/a.ts", "const BODY_BYTES_MAX = 1024 * 1024;"],
      ["broker/a.ts", "export const HELD = { packetBytesMax: 256 * KIB } as const;"],
      ["sinks/notify/a.ts", "const poll = { bytesMax: (2 ** 20) as number };"],
      ["registry/a.ts", "class A { readonly rowsMax = 500; }"],
      ["dashboard/web/a.tsx", "const TIME_MAX = Date.UTC(2100, 0, 1);"],
      ["device-sim/sim-limits.ts", "export const SIM_LIMITS = { progressMs: 200 };"],
    ],
    good: [
      ["core/limits.ts", "export const LIMITS = { bodyBytesMax: 1024 };"],
      ["api/a.ts", "const { pageSizeMax } = LIMITS; const rowsMax = 2 * LIMITS.pageSizeMax;"],
      ["engine/a.ts", "const max = 3; const MAX = 3; const climaxes = 2; const PAGE_SIZE = 100;"],
      ["wire/mqtt-frame.ts", "const HEADER_BYTES_MAX = 5;"],
      ["test/unit/a.test.ts", "const limits = { rowsMax: 2 };"],
    ],
  },
  {
    title: "the limits page is what core/limits.ts says",
    rule: (files) => limitsPageRule([...files, ...LIMITS_SOURCES.map((path) => sourceFile(path, pageText(path)))]),
    bad: [["docs/limits.md", pageText("docs/limits.md").replace("256 KiB", "512 KiB")]],
    good: [["docs/limits.md", pageText("docs/limits.md")]],
  },
  {
    title: "the configuration page is what app/config.ts says",
    rule: configurationPageRule,
    bad: [["docs/configuration.md", pageText("docs/configuration.md").replace("1883", "1884")]],
    good: [["docs/configuration.md", pageText("docs/configuration.md")]],
  },
  {
    title: "the metrics page is what the code makes",
    rule: metricsPageRule(tree),
    bad: [["docs/metrics.md", pageText("docs/metrics.md").replace("millrace_log_bytes", "millrace_bytes")]],
    good: [["docs/metrics.md", pageText("docs/metrics.md")]],
  },
  {
    title: "the page of message formats is what the shapes in core say",
    rule: messageFormatsPageRule,
    bad: [["docs/message-formats.md", pageText("docs/message-formats.md").replace("Event time", "Time")]],
    good: [["docs/message-formats.md", pageText("docs/message-formats.md")]],
  },
  {
    title: "the commands that pages show exist",
    rule: (files) => commandsRule(createProgram())([sourceFile("package.json", pageText("package.json")), ...files]),
    bad: [
      ["README.md", "Run `npm run fly`."],
      ["README.md", "```sh\nnpm install && npm begin\n```"],
      ["README.md", "`millrace fly`"],
      ["README.md", "```sh\nnpm run millrace -- start --upside-down\n```"],
    ],
    good: [
      [
        "README.md",
        "```sh\nnpm install && npm start\nnpm run millrace -- start --demo  # hello\nmillrace devices list --json\n```",
      ],
    ],
  },
];

for (const { title, rule, bad, good } of CASES) {
  describe(title, () => {
    test("in this tree", () => {
      expect(rule(tree)).toEqual([]);
    });

    for (const [index, [path, text]] of bad.entries()) {
      test(`and planted bad example ${index + 1} is caught: ${path}`, () => {
        expect(rule([sourceFile(path, text)])).not.toEqual([]);
      });
    }

    for (const [index, [path, text]] of good.entries()) {
      test(`and good example ${index + 1} is left alone: ${path}`, () => {
        expect(rule([sourceFile(path, text)])).toEqual([]);
      });
    }
  });
}

function pageText(path: string): string {
  return tree.find((file) => file.path === path)?.text ?? "";
}
