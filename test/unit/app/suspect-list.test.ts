import { expect, it } from "vitest";
import { SuspectList } from "../../../app/threads/suspect-list.ts";
import { LIMITS } from "../../../core/limits.ts";

const END = { errorClass: "TimeoutError", error: "it ran for too long" } as const;
const at = (offset: number, call: number, step = 0) => ({ partition: 3, offset, step, call });

it("a call is tried once more, and condemned when its thread dies of it again", () => {
  const list = new SuspectList();
  expect(list.died({ ...END, at: at(7, 2) })).toBe("retried");
  expect(list.all.calls).toEqual([{ ...END, ...at(7, 2), condemned: false }]);
  expect(list.died({ ...END, at: at(7, 2) })).toBe("condemned");
  expect(list.all.calls).toEqual([{ ...END, ...at(7, 2), condemned: true }]);
});

it("another call is another suspect, also of the same step", () => {
  const list = new SuspectList();
  for (const place of [at(7, 2), at(7, 3), at(7, 2, 1), at(8, 2)])
    expect(list.died({ ...END, at: place })).toBe("retried");
  expect(list.all.calls.every(({ condemned }) => !condemned)).toBe(true);
  expect(list.all.calls).toHaveLength(4);
});

it("a step that kills in ever other calls loses its first one, then the next", () => {
  const list = new SuspectList();
  for (const call of [11, 12, 13, 14]) expect(list.died({ ...END, at: at(7, call) })).toBe("retried");
  for (const call of [15, 16]) expect(list.died({ ...END, at: at(7, call) })).toBe("condemned");
  const condemned = list.all.calls.filter((one) => one.condemned);
  expect(condemned.map(({ call }) => call)).toEqual([1, 2]);
});

it("a death between calls is searched for until a call is condemned", () => {
  const list = new SuspectList();
  expect(list.died({ ...END, at: null })).toBe("unknown");
  expect(list.all.search).toBe(false);
  expect(list.died({ ...END, at: at(9, 0) })).toBe("searched");
  list.died({ ...END, at: at(7, 1) });
  expect(list.all).toMatchObject({ calls: [{ offset: 7 }], search: true });
  list.died({ ...END, at: at(7, 1) });
  expect(list.all.search).toBe(false);
});

it("only the newest are remembered", () => {
  const list = new SuspectList();
  for (let offset = 0; offset <= LIMITS.suspectsMax; offset += 1) list.died({ ...END, at: at(offset, 1) });
  expect(list.all.calls).toHaveLength(LIMITS.suspectsMax);
  expect(list.all.calls[0]?.offset).toBe(1);
});
