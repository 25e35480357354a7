import { describe, expect, it } from "vitest";
import { NODE_FLAGS, takeNodeFlags } from "../../../app/node-flags.ts";

function startedAnew(argv: readonly string[], execArgv: readonly string[] = [], nodeOptions?: string, how = {}) {
  const calls: (readonly string[] | undefined)[] = [];
  takeNodeFlags({
    platform: "linux",
    argv: ["/bin/node", "/millrace.js", ...argv],
    execArgv: [...execArgv],
    execPath: "/bin/node",
    env: nodeOptions === undefined ? {} : { NODE_OPTIONS: nodeOptions },
    execve: (_file, args) => void calls.push(args),
    ...how,
  });
  return calls;
}

describe("takeNodeFlags", () => {
  it("starts an installation anew with its flags in front of those that it was given", () => {
    expect(startedAnew(["start", "--json"], ["--inspect"])).toEqual([
      ["/bin/node", ...NODE_FLAGS, "--inspect", "/millrace.js", "start", "--json"],
    ]);
  });

  it("does nothing once they are there", () => {
    expect(startedAnew(["start"], NODE_FLAGS)).toEqual([]);
  });

  it("leaves another value be, however it was given", () => {
    expect(startedAnew(["start"], ["--max_semi_space_size=32"])).toEqual([]);
    expect(startedAnew(["start"], [], "--enable-source-maps --max-semi-space-size=32")).toEqual([]);
  });

  it("lets other commands, which are short, run as they are", () => {
    expect(startedAnew(["audit"])).toEqual([]);
  });

  it("goes on without them on Windows, where Node has execve and refuses it, and wherever it fails", () => {
    expect(startedAnew(["start"], [], undefined, { platform: "win32" })).toEqual([]);
    const execve = () => {
      throw new Error("ERR_FEATURE_UNAVAILABLE_ON_PLATFORM");
    };
    expect(() => startedAnew(["start"], [], undefined, { execve })).not.toThrow();
  });
});
