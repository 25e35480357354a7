import { expect, it } from "vitest";
import { repartitionedSchema } from "../../../core/derived-records.ts";
import { isRepartitioned } from "../../../core/is-repartitioned.ts";

const GOOD = {
  v: 1,
  tenant: "plant",
  device: "meter-1",
  key: "line-1",
  function: "energy-per-part",
  side: "left",
  ts: 5,
  received: 6,
  metrics: { power: 21.5, open: true, state: "runs" },
};

it("isRepartitioned agrees with the schema when one field is missing or something else", () => {
  const others = [
    undefined,
    null,
    0,
    -1,
    1,
    0.5,
    "",
    "x",
    "X",
    "a/b",
    "left",
    "right",
    "x".repeat(64),
    true,
    [],
    {},
    { t: null },
  ];
  for (const field of Object.keys(GOOD)) {
    for (const other of others) {
      const value: unknown = JSON.parse(JSON.stringify({ ...GOOD, [field]: other }));
      const expected = repartitionedSchema.safeParse(value).success;
      expect({ field, other, taken: isRepartitioned(value) }).toEqual({ field, other, taken: expected });
    }
  }
  expect(isRepartitioned(GOOD)).toBe(true);
});
