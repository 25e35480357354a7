import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What runs under one name: a tree of sources, and what its processes are told besides. */
export interface Release {
  /** As `millrace_build_info` has it. */
  readonly name: string;
  /** The entry; absent: that of this tree. */
  readonly script?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export const ROOT = join(import.meta.dirname, "..", "..");
const ENTRY = "bin/millrace.js";

/** A tree that is there, with its packages. */
export function releaseOfTree(name: string, tree: string): Release {
  const script = join(tree, ENTRY);
  if (!existsSync(script)) throw new Error(`${tree} is no tree of Millrace: it has no ${ENTRY}`);
  if (!existsSync(join(tree, "node_modules"))) throw new Error(`${tree} has no packages: run \`npm ci\` in it`);
  return { name, script };
}

export interface CheckedOut {
  readonly release: Release;
  /** Removes the tree. */
  dispose(): void;
}

/** An earlier commit of this repository in a folder of its own, with the packages of this tree; refused when it needs others. */
export function checkOut(ref: string): CheckedOut {
  const folder = mkdtempSync(join(tmpdir(), "millrace-release-"));
  const tree = join(folder, "tree");
  const git = (...args: string[]): string => execFileSync("git", ["-C", ROOT, ...args], { encoding: "utf8" });
  const dispose = (): void => {
    if (existsSync(tree)) git("worktree", "remove", "--force", tree);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    git("worktree", "add", "--detach", tree, ref);
    if (readLock(tree) !== readLock(ROOT)) throw needsOthers(ref);
    symlinkSync(join(ROOT, "node_modules"), join(tree, "node_modules"));
    // Once, and not by each of the processes that start at the same time.
    execFileSync("npm", ["run", "build"], { cwd: tree, stdio: "ignore" });
    return { release: releaseOfTree(`git-${git("rev-parse", "--short", ref).trim()}`, tree), dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

function readLock(tree: string): string {
  return readFileSync(join(tree, "package-lock.json"), "utf8");
}

function needsOthers(ref: string): Error {
  return new Error(
    `${ref} needs other packages than this tree: check it out yourself, run \`npm ci\` there, and name the folder with --from-tree`,
  );
}
