import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { isMillraceError } from "../../../core/errors.ts";
import { parseConfigDocument } from "../../../registry/config-document.ts";

/** The message of the INVALID_INPUT that the source is refused with. */
function refusal(source: string | object): string {
  try {
    parseConfigDocument(source, "acme");
  } catch (error) {
    if (isMillraceError(error, "INVALID_INPUT")) return error.message;
    throw error;
  }
  throw new Error("the document was accepted");
}

const RULE =
  "  - id: warm\n    name: Too warm\n    severity: high\n    condition: { kind: threshold, metric: t, op: '>', value: 8 }\n";

describe("a configuration document", () => {
  it("fills in the tenant and the defaults", () => {
    const text = `types:\n  - id: room\n    metrics: { t: { unit: °C } }\nrules:\n${RULE}devices:\n  - id: room-1\n    type: room\n`;
    const { types, rules, devices } = parseConfigDocument(text, "acme");
    expect(types[0]).toMatchObject({ tenant: "acme", id: "room", metrics: { t: { unit: "°C", kind: "number" } } });
    expect(rules[0]).toMatchObject({ tenant: "acme", id: "warm", select: {}, onDelayMs: 0, enabled: true });
    expect(devices).toEqual([{ tenant: "acme", id: "room-1", type: "room" }]);
  });

  it("may leave sections out or empty, and may be JSON or an object", () => {
    expect(parseConfigDocument("types:\ndevices: []\n", "acme")).toEqual({
      types: [],
      rules: [],
      tables: [],
      devices: [],
    });
    const document = { devices: [{ id: "d", labels: { a: "b" } }] };
    const expected = { types: [], rules: [], tables: [], devices: [{ tenant: "acme", id: "d", labels: { a: "b" } }] };
    expect(parseConfigDocument(document, "acme")).toEqual(expected);
    expect(parseConfigDocument(JSON.stringify(document), "acme")).toEqual(expected);
  });

  it("accepts its own tenant and no other", () => {
    expect(parseConfigDocument({ devices: [{ id: "d", tenant: "acme" }] }, "acme").devices).toHaveLength(1);
    expect(refusal("devices:\n  - id: d\n    tenant: rival\n")).toBe(
      'line 3, column 13, devices[0].tenant: must be "acme" here; leave it out',
    );
  });

  it("accepts the demo", async () => {
    const text = await readFile(new URL("../../../examples/demo.yaml", import.meta.url), "utf8");
    const { types, rules, devices } = parseConfigDocument(text, "default");
    expect(types.map(({ id }) => id)).toEqual(["cold-room", "pump", "air-quality"]);
    expect([rules.length, devices.length]).toEqual([5, 12]);
    const metrics = new Map(types.map((type) => [type.id, type.metrics]));
    for (const { condition, select } of rules) {
      if (condition.kind !== "threshold" || select.type === undefined) continue;
      expect(metrics.get(select.type)?.[condition.metric]?.kind).toBe("number");
    }
  });

  it.each([
    ["typs: []", 'line 1, column 1, typs: unknown key; did you mean "types"? Allowed: types, rules, tables, devices'],
    ["wholly-other: 1", "line 1, column 1, wholly-other: unknown key; Allowed: types, rules, tables, devices"],
    ["- a", "line 1, column 1, the document: must be a map of types, rules, tables, devices"],
    ["", "the document: must be a map of types, rules, tables, devices"],
    ["rules: 3", "line 1, column 8, rules: must be a list"],
    ["devices: [pump]", "line 1, column 11, devices[0]: must be a map"],
    [
      "devices: [{id: a b}]",
      "line 1, column 16, devices[0].id: must be 1–128 characters of A–Z a–z 0–9 _ . : -, and not . or ..",
    ],
    ["devices: [{name: x}]", "line 1, column 11, devices[0].id: expected string, received undefined"],
    [
      "devices: [{id: a, labels: {floor: 2}}]",
      "line 1, column 35, devices[0].labels.floor: expected string, received number",
    ],
    ["devices:\n- id: a\n- id: a", 'line 3, column 7, devices[1].id: "a" is already devices[0]'],
  ])("refuses %j with place, path and what is allowed", (text, message) => {
    expect(refusal(text)).toBe(message);
  });

  it("refuses misspelt keys at any depth: they must not be stripped in silence", () => {
    expect(refusal(`rules:\n${RULE}    onDelay: 5\n`)).toContain(
      'line 6, column 5, rules[0].onDelay: unknown key; did you mean "onDelayMs"?',
    );
    expect(refusal("types: [{id: a, metrics: {t: {unti: C}}}]")).toContain(
      'types[0].metrics.t.unti: unknown key; did you mean "unit"? Allowed: unit, kind, min, max',
    );
    expect(refusal(`rules:\n${RULE.replace("metric: t,", "metric: t, deadbnd: 1,")}`)).toContain(
      'rules[0].condition.deadbnd: unknown key; did you mean "deadband"?',
    );
  });

  it("says which values are allowed", () => {
    expect(refusal(`rules:\n${RULE.replace("high", "urgent")}`)).toBe(
      'line 4, column 15, rules[0].severity: expected one of "critical"|"high"|"medium"|"low"',
    );
    expect(refusal(`rules:\n${RULE.replace("threshold", "treshold")}`)).toContain("Expected 'threshold' | 'no-data'");
  });

  it("tells several problems at once, but not endlessly", () => {
    const devices = Array.from({ length: 15 }, (_, n) => `- id: "bad ${n}"`).join("\n");
    const lines = refusal(`devices:\n${devices}`).split("\n");
    expect(lines).toHaveLength(11);
    expect(lines.at(-1)).toBe("and 5 more");
  });

  it("refuses __proto__ wherever names are free", () => {
    const sources = [
      '{"devices":[{"id":"a","labels":{"__proto__":"x"}}]}',
      '{"types":[{"id":"a","metrics":{"__proto__":{}}}]}',
    ];
    for (const source of sources) {
      expect(refusal(source)).toContain("__proto__: this name is not allowed");
      const parsed: unknown = JSON.parse(source);
      if (typeof parsed === "object" && parsed !== null) expect(refusal(parsed)).toContain("this name is not allowed");
    }
    expect(refusal("__proto__: {types: []}")).toContain("__proto__: unknown key");
  });

  it("names line and column of what is no YAML", () => {
    expect(refusal("types:\n  - id: a\n   b: c\n")).toMatch(/^line 3, column \d+: /);
    expect(refusal("a: [1")).toMatch(/^line 1, column \d+: /);
    expect(refusal("types: []\ntypes: []\n")).toMatch(/^line 2, column 1: Map keys must be unique/);
  });

  it("survives alias bombs, deep nesting and endless texts", () => {
    const rows = Array.from({ length: 9 }, (_, n) => `l${n + 1}: &l${n + 1} [${`*l${n},`.repeat(9)}]`);
    expect(refusal(`l0: &l0 [x]\n${rows.join("\n")}`)).toContain("alias");
    refusal(`types: ${"[".repeat(100_000)}`);
    refusal(`{"types":${"[".repeat(5000)}${"]".repeat(5000)}}`);
    expect(refusal("#".repeat(5 * 1024 * 1024))).toContain("more than");
  });
});
