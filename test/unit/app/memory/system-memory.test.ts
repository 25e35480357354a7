import { describe, expect, it } from "vitest";
import { openSystemMemory } from "../../../../app/memory/system-memory.ts";

describe("openSystemMemory", () => {
  it.each(["darwin", "win32"] as const)("refuses on %s, where the advice means something else", async (platform) => {
    await expect(openSystemMemory(platform)).rejects.toThrow(platform);
  });
});
