import fc from "fast-check";
import { expect, test } from "vitest";
import { formatForwardedOrigin, parseForwardedOrigin } from "../../../core/forwarded-origin.ts";

const whole = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

test("what is written is read", () => {
  const origins = fc.record({
    installation: fc.stringMatching(/^[0-9a-f]{1,64}$/),
    generation: whole,
    partition: whole,
    offset: whole,
    received: whole,
  });
  fc.assert(
    fc.property(origins, (origin) => {
      expect(parseForwardedOrigin(formatForwardedOrigin(origin))).toEqual(origin);
    }),
  );
});

test.each([
  "",
  "a 1 2 3",
  "a 1 2 3 4 5",
  " 1 2 3 4",
  "A 1 2 3 4",
  "a -1 2 3 4",
  "a 1.5 2 3 4",
  "a 1e3 2 3 4",
  "a 1 2 3 9007199254740992",
  "a 1 2 3 4\n",
  "a  1 2 3 4",
  `${"a".repeat(65)} 1 2 3 4`,
])("%j is none", (text) => {
  expect(parseForwardedOrigin(text)).toBeNull();
});
