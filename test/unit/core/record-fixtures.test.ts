import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { controlSchema } from "../../../core/control.ts";
import * as derived from "../../../core/derived-records.ts";
import type { z } from "zod";

/** One fixture per kind and version of record. They are never changed: a log may hold such a record for years. */
const FIXTURES = new URL("../../fixtures/", import.meta.url);

const DERIVED: Readonly<Record<string, z.ZodType>> = {
  "reading.v1": derived.readingSchema,
  "aggregate.v1": derived.aggregateSchema,
  "alarm-event.v1": derived.alarmEventSchema,
  "quarantined.v1": derived.quarantinedSchema,
  "dead-letter.v1": derived.deadLetterSchema,
  "device-event.v1": derived.deviceEventSchema,
  "repartitioned.v1": derived.repartitionedSchema,
};

const CONTROL = controlSchema.options.map((option) => option.shape.kind.value);

/** Fixtures of optional fields that came after the kind's first fixture. */
const WITH_LATER_FIELDS: Readonly<Record<string, string>> = { "flush-of-devices.v1": "flush" };

function fixture(folder: string, name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL(`${folder}/${name}.json`, FIXTURES), "utf8"));
}

function fixturesIn(folder: string): string[] {
  return readdirSync(new URL(folder, FIXTURES)).map((file) => file.replace(".json", ""));
}

describe("records on derived topics", () => {
  it.each(Object.entries(DERIVED))("%s is read with every field", (name, schema) => {
    const record = fixture("derived-records", name);
    expect(schema.parse(record)).toEqual(record);
  });

  it.each(Object.entries(DERIVED))("%s may have fields that are not known yet", (name, schema) => {
    const record = fixture("derived-records", name);
    expect(schema.parse({ ...record, addedLater: { deep: true } })).toEqual(record);
  });

  it.each(Object.entries(DERIVED))(
    "%s is refused without a field, with another version, and without ids",
    (name, schema) => {
      const record = fixture("derived-records", name);
      expect(schema.safeParse({ ...record, v: 2 }).success).toBe(false);
      expect(schema.safeParse({ ...record, device: "a/b" }).success).toBe(false);
      expect(schema.safeParse({ ...record, tenant: "" }).success).toBe(false);
      for (const field of ["v", "tenant", "device"]) {
        expect(schema.safeParse({ ...record, [field]: undefined }).success).toBe(false);
      }
    },
  );

  it("have a schema and a fixture each", () => {
    const schemas = Object.keys(derived).filter((name) => name.endsWith("Schema"));
    expect(fixturesIn("derived-records").toSorted()).toEqual(Object.keys(DERIVED).toSorted());
    expect(Object.keys(DERIVED)).toHaveLength(schemas.length);
  });
});

describe("control records", () => {
  it.each(CONTROL)("%s is read with every field", (kind) => {
    const record = fixture("control-records", `${kind}.v1`);
    expect(controlSchema.parse(record)).toEqual(record);
    expect(controlSchema.parse({ ...record, addedLater: 1 })).toEqual(record);
  });

  it.each(CONTROL)("%s is refused with another version", (kind) => {
    expect(controlSchema.safeParse({ ...fixture("control-records", `${kind}.v1`), v: 2 }).success).toBe(false);
  });

  it.each(Object.entries(WITH_LATER_FIELDS))("%s has fields that older records of its kind lack", (name, kind) => {
    const record = fixture("control-records", name);
    expect(record["kind"]).toBe(kind);
    expect(controlSchema.parse(record)).toEqual(record);
  });

  it("have a fixture each", () => {
    const expected = [...CONTROL.map((kind) => `${kind}.v1`), ...Object.keys(WITH_LATER_FIELDS)];
    expect(fixturesIn("control-records").toSorted()).toEqual(expected.toSorted());
  });

  it.each([
    null,
    5,
    "tick",
    {},
    { v: 1, kind: "reboot" },
    { v: 1, kind: "flush", upTo: -1 },
    { v: 1, kind: "flush", upTo: 0.5 },
    { v: 1, kind: "flush", upTo: 1, devices: "acme/a" },
  ])("%j is none", (value) => {
    expect(controlSchema.safeParse(value).success).toBe(false);
  });
});
