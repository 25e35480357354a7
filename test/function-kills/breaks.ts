import type { Edit } from "../support/broken-source.ts";

export const BROKEN_NAMES = ["restore-forgets-a-slot"] as const;
export type BrokenName = (typeof BROKEN_NAMES)[number];

export const BREAKS: Readonly<Record<BrokenName, readonly Edit[]>> = {
  // Of every snapshot and unit, the last slot of a function is not restored.
  "restore-forgets-a-slot": [
    {
      file: "engine/state-restore.ts",
      text: "for (const slot of entry.slots) restoreSlot(restoring, slot);",
      broken: `for (const slot of entry.slots)
    if (slot !== entry.slots.at(-1) || slot.fn.startsWith("$")) restoreSlot(restoring, slot);`,
    },
  ],
};
