import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { errorText } from "../../core/errors.ts";
import { takeLittleMemory } from "../node-flags.ts";
import { findBundle, START_PLACE } from "./manifest.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SCRIPT = fileURLToPath(new URL("./build-threads.ts", import.meta.url));

/**
 * Starts this process anew, as itself, from one bundle of plain JavaScript, and with what makes Node small. The bundle is built first, in a process of
 * its own, unless it is there for exactly these sources; `npm run build` makes it beforehand. Returns where it cannot be: then the sources
 * run, and take some 40 MB more.
 */
export function startWithLittleMemory(): void {
  try {
    if (findBundle(ROOT, START_PLACE).entry === null)
      execFileSync(process.execPath, [SCRIPT, ROOT, "start"], { cwd: ROOT, stdio: ["ignore", "ignore", "pipe"] });
    const found = findBundle(ROOT, START_PLACE);
    if (found.entry === null) throw new Error(found.text);
    takeLittleMemory(found.entry);
  } catch (error) {
    console.error(
      `millrace: the bundle for little memory cannot be built (${errorText(error)}); the sources run instead and take more. \`npm run build\` makes it where the folder can be written.`,
    );
  }
}
