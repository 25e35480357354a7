import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { commitFailure } from "../../../log/embedded/commit-failure.ts";

/** As lmdb-js 3.5.6 rejects: a plain error whose `commitError` is a promise that rejects with the reason, code and all. */
function rejection(code: number): Error {
  const reason = Promise.reject(Object.assign(new Error("whatever the system calls it"), { code }));
  reason.catch(() => undefined);
  return Object.assign(new Error("Commit failed (see commitError for details)"), { commitError: reason });
}

describe("a failed commit", () => {
  it.each([
    ["MDB_MAP_FULL", -30_792],
    ["ENOSPC", 28],
  ])("with %s means that the log is full, whatever its text says", async (_, code) => {
    await expect(commitFailure(rejection(code), tmpdir())).resolves.toMatchObject({ code: "LOG_FULL" });
  });

  it.each([
    ["EIO", 5],
    ["MDB_PANIC", -30_795],
  ])("with %s means that it cannot be written, while there is room on the disk", async (_, code) => {
    const failure = await commitFailure(rejection(code), tmpdir());
    expect(failure).toMatchObject({ code: "LOG_IO", message: expect.stringContaining("whatever the system calls it") });
    expect(failure.cause).toMatchObject({ code });
  });
});
