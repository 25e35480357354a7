import { describe, expect, it } from "vitest";
import { z } from "zod";
import { openApiDocument } from "../../../api/openapi-document.ts";

const operation = z.object({
  summary: z.string(),
  tags: z.array(z.string()),
  parameters: z
    .array(z.object({ in: z.enum(["query", "path"]), name: z.string(), required: z.boolean().optional() }))
    .optional(),
  responses: z.record(z.string().regex(/^(\d{3}|default)$/), z.looseObject({})),
});
const document = z.object({
  openapi: z.literal("3.1.0"),
  info: z.object({ title: z.string(), version: z.string() }),
  paths: z.record(
    z.string().startsWith("/"),
    z.record(z.enum(["get", "put", "post", "patch", "delete"]).or(z.string()), operation),
  ),
  components: z.looseObject({ responses: z.object({ Problem: z.looseObject({}) }) }),
});

describe("the OpenAPI document", () => {
  it("has the same bytes every time, without anything behind the API", async () => {
    expect(await openApiDocument()).toBe(await openApiDocument());
  });

  it("describes every operation with a summary, its answers and the problem", async () => {
    const { paths } = document.parse(JSON.parse(await openApiDocument()));
    const operations = Object.values(paths).flatMap((path) => Object.values(path));
    expect(operations.length).toBeGreaterThan(25);
    for (const { responses } of operations) expect(Object.keys(responses)).toContain("default");
  });

  it("declares every path parameter, and refers to nothing that is not there", async () => {
    const text = await openApiDocument();
    const { paths } = document.parse(JSON.parse(text));
    for (const [path, operations] of Object.entries(paths)) {
      const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const { parameters = [] } of Object.values(operations)) {
        expect(parameters.filter((p) => p.in === "path").map((p) => p.name)).toEqual(names);
        expect(parameters.filter((p) => p.in === "path").every((p) => p.required)).toBe(true);
      }
    }
    const references = new Set([...text.matchAll(/"\$ref": "([^"]+)"/g)].map(([, target]) => target));
    expect([...references]).toEqual(["#/components/responses/Problem"]);
  });

  it("says what is allowed: ceilings and choices come from the schemas", async () => {
    const text = await openApiDocument();
    expect(text).toContain('"maximum": 1000');
    expect(text).toContain('"critical"');
    expect(text).not.toContain("/docs/");
  });
});
