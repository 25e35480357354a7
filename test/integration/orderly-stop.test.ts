import { expect, test } from "vitest";
import { startInstance, temporaryDirectory } from "../support/instance.ts";

test("an instance that is told to stop does so with 0, and no thread of it has anything to say about that", async () => {
  const data = temporaryDirectory();
  const instance = await startInstance({ data: data.path, flags: ["--log-level", "warn"] });
  try {
    expect(await instance.stop()).toBe(0);
    expect(instance.stderr()).toBe("");
  } finally {
    await instance.kill();
    data.dispose();
  }
});
