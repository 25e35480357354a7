import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { filterCoveredBy } from "../../../broker/filter-cover.ts";
import { TopicAcl } from "../../../broker/topic-acl.ts";

/** Does `filter` match `topic`? By recursion over levels, straight from 4.7: the other way to say what coverage means. */
function matches(filter: readonly string[], topic: readonly string[], first = true): boolean {
  const [level, ...filterRest] = filter;
  if (level === "#") return !(first && topic[0]?.startsWith("$") === true);
  const [name, ...topicRest] = topic;
  if (level === undefined || name === undefined) return level === undefined && name === undefined;
  if (level === "+" && first && name.startsWith("$")) return false;
  if (level !== "+" && level !== name) return false;
  // "a/#" matches "a" (4.7.1.2).
  if (topicRest.length === 0 && filterRest.length === 1 && filterRest[0] === "#") return true;
  return matches(filterRest, topicRest, false);
}

/** Every topic of up to four levels over the names that filters use and one that none does. */
const NAMES = ["a", "b", "", "$s", "other"];
const TOPICS: readonly string[][] = [1, 2, 3, 4].flatMap((depth) =>
  Array.from({ length: depth }).reduce<string[][]>(
    (prefixes) => prefixes.flatMap((prefix) => NAMES.map((name) => [...prefix, name])),
    [[]],
  ),
);

const level = fc.constantFrom("a", "b", "", "$s", "+");
const filter = fc
  .tuple(fc.array(level, { minLength: 0, maxLength: 3 }), fc.boolean())
  .map(([levels, deep]) => (deep ? [...levels, "#"] : levels))
  .filter((levels) => levels.length > 0);

describe("filterCoveredBy", () => {
  test("is true exactly when the cover matches every topic that the filter matches", () => {
    fc.assert(
      fc.property(filter, filter, (wanted, cover) => {
        const truth = TOPICS.filter((topic) => matches(wanted, topic)).every((topic) => matches(cover, topic));
        expect(filterCoveredBy(wanted.join("/"), cover.join("/"))).toBe(truth);
      }),
      { numRuns: 3000 },
    );
  });
});

describe("a device's topics", () => {
  const acl = new TopicAcl("acme/a");

  test("may be subscribed to by any filter that stays within them", () => {
    for (const allowed of [
      "millrace/acme/a/#",
      "millrace/acme/a",
      "millrace/acme/a/+",
      "millrace/acme/a/x/+/y",
      "v1/devices/me/#",
    ]) {
      expect(acl.maySubscribe(allowed)).toBe(true);
    }
  });

  test("may not be left by any filter", () => {
    const outside = fc.constantFrom("#", "+", "millrace", "acme", "a", "b", "v1", "devices", "me", "$SYS", "$share");
    const topics = [
      "millrace/acme/b/telemetry",
      "millrace/acme/ab",
      "$SYS/x/new/clients",
      "v1/devices/you/x",
      "millrace/acme",
    ];
    fc.assert(
      fc.property(fc.array(outside, { minLength: 1, maxLength: 5 }), (levels) => {
        const text = levels.join("/");
        if (levels.indexOf("#") !== -1 && levels.indexOf("#") !== levels.length - 1) return;
        if (!acl.maySubscribe(text)) return;
        for (const topic of topics) expect(matches(levels, topic.split("/"))).toBe(false);
      }),
      { numRuns: 5000 },
    );
  });
});
