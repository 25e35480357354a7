import { existsSync, globSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { MillraceError } from "../../core/errors.ts";
import { projectFiles } from "./project-files.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TEMPLATE = fileURLToPath(new URL("./template/", import.meta.url));

/**
 * Makes a project in a folder, which may be there, and links this Millrace into it, so that editor and compiler find its types at once.
 * Returns the files. ALREADY_EXISTS, with nothing written, when one of them is there.
 */
export function initProject(folder: string): readonly string[] {
  const project = resolve(folder);
  const files = new Map(projectFiles({ name: packageName(project), millrace: slashed(relative(project, ROOT)) }));
  for (const path of globSync("**/*.*", { cwd: TEMPLATE })) {
    if (statSync(join(TEMPLATE, path)).isFile()) files.set(slashed(path), readFileSync(join(TEMPLATE, path), "utf8"));
  }
  const there = [...files.keys()].filter((path) => existsSync(join(project, path)));
  if (there.length > 0) {
    throw new MillraceError("ALREADY_EXISTS", `${folder} has ${there.join(", ")} already`, {
      remedy: "Name a new folder, or an empty one.",
    });
  }
  for (const [path, text] of files) {
    mkdirSync(dirname(join(project, path)), { recursive: true });
    writeFileSync(join(project, path), text);
  }
  linkMillrace(project);
  return [...files.keys()].toSorted();
}

/** As `npm install` will. */
function linkMillrace(project: string): void {
  const link = join(project, "node_modules", "millrace");
  if (existsSync(link)) return;
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(ROOT, link, "junction");
}

/** What npm allows: https://docs.npmjs.com/cli/configuring-npm/package-json#name */
function packageName(project: string): string {
  const name = basename(project)
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return name === "" || name === "millrace" ? "millrace-functions" : name;
}

function slashed(path: string): string {
  return path.replaceAll("\\", "/").replace(/\/$/, "");
}
