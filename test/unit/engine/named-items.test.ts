import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NamedItems, type Named } from "../../../engine/named-items.ts";

const changes = fc.array(
  fc.record({ kind: fc.constantFrom("put", "put", "delete"), name: fc.integer({ min: 0, max: 15 }) }),
  {
    minLength: 50,
    maxLength: 200,
  },
);

describe("items by name", () => {
  it("are those of a Map, few or many, in the order in which they came", () => {
    let most = 0;
    fc.assert(
      fc.property(changes, (steps) => {
        const items = new NamedItems<Named>();
        const model = new Map<string, Named>();
        for (const { kind, name } of steps) {
          const item = { name: `slot/${name}` };
          if (kind === "delete") expect(items.delete(item.name)).toBe(model.delete(item.name));
          else if (!model.has(item.name)) {
            items.add(item);
            model.set(item.name, item);
          }
          expect(items.values()).toEqual([...model.values()]);
          expect(items.size).toBe(model.size);
          expect(items.get(item.name)).toBe(model.get(item.name));
          expect(items.some((one) => one.name === item.name)).toBe(model.has(item.name));
          most = Math.max(most, items.size);
        }
      }),
    );
    expect(most).toBeGreaterThan(8);
  });

  it("can be deleted while they are gone through", () => {
    const items = new NamedItems<Named>();
    for (const name of ["a", "b", "c"]) items.add({ name });
    const seen: string[] = [];
    for (const { name } of items.values()) {
      seen.push(name);
      items.delete(name);
    }
    expect(seen).toEqual(["a", "b", "c"]);
    expect(items.size).toBe(0);
  });
});
