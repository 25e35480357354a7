import { describe, expect, it } from "vitest";
import {
  LITTLE_MEMORY_ENVIRONMENT,
  LITTLE_MEMORY_FLAGS,
  NODE_FLAGS,
  takeLittleMemory,
  takeNodeFlags,
  wantsLittleMemory,
} from "../../../app/node-flags.ts";

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

describe("wantsLittleMemory", () => {
  const wants = (args: readonly string[], memory?: string) =>
    wantsLittleMemory({
      argv: ["/bin/node", "/millrace.js", ...args],
      env: memory === undefined ? {} : { MILLRACE_FOOTPRINT: memory },
    });

  it("is what a start says with a flag, or else with the environment", () => {
    expect(wants(["start", "--footprint", "small"])).toBe(true);
    expect(wants(["--data", "d", "start", "--footprint=small"])).toBe(true);
    expect(wants(["start"], "small")).toBe(true);
    expect(wants(["start", "--footprint", "normal"], "small")).toBe(false);
    expect(wants(["start", "--footprint=normal", "--footprint", "small"])).toBe(true);
  });

  it("is not what is said otherwise, nor of another command", () => {
    expect(wants(["start"])).toBe(false);
    expect(wants(["start", "--footprint"])).toBe(false);
    expect(wants(["start"], "tiny")).toBe(false);
    expect(wants(["audit"], "small")).toBe(false);
  });
});

describe("takeLittleMemory", () => {
  const startedSmall = (how: {
    readonly execArgv?: string[];
    readonly env?: NodeJS.ProcessEnv;
    readonly platform?: "win32";
  }) => {
    const calls: { readonly args: readonly string[] | undefined; readonly env: NodeJS.ProcessEnv | undefined }[] = [];
    takeLittleMemory("/dist/start.js", {
      platform: "linux",
      argv: ["/bin/node", "/millrace.js", "start", "--json"],
      execArgv: [],
      execPath: "/bin/node",
      env: {},
      execve: (_file, args, env) => void calls.push({ args, env }),
      ...how,
    });
    return calls;
  };

  it("starts the bundle anew with its flags and the allocator's environment", () => {
    expect(startedSmall({ execArgv: ["--inspect"] })).toEqual([
      {
        args: ["/bin/node", ...LITTLE_MEMORY_FLAGS, "--inspect", "/dist/start.js", "start", "--json"],
        env: LITTLE_MEMORY_ENVIRONMENT,
      },
    ]);
  });

  it("leaves be what was chosen otherwise, a compiler that is to be on among it", () => {
    const [started] = startedSmall({ execArgv: ["--opt", "--max-semi-space-size=4"], env: { MALLOC_ARENA_MAX: "4" } });
    expect(started?.args).not.toContain("--no-opt");
    expect(started?.args).not.toContain("--max-semi-space-size=1");
    expect(started?.args).toContain("--no-maglev");
    expect(started?.env).toEqual({ ...LITTLE_MEMORY_ENVIRONMENT, MALLOC_ARENA_MAX: "4" });
  });

  it("takes the flags of an installation, which whoever starts it has passed on, for nobody's choice", () => {
    const [started] = startedSmall({ execArgv: [...NODE_FLAGS, "--inspect"] });
    expect(started?.args?.slice(1, -3)).toEqual([...LITTLE_MEMORY_FLAGS, "--inspect"]);
  });

  it("does nothing on Windows", () => {
    expect(startedSmall({ platform: "win32" })).toEqual([]);
  });
});
