import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { errorText } from "../../core/errors.ts";
import { findBundle } from "./manifest.ts";
import type { Logger } from "../../core/logger.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SCRIPT = fileURLToPath(new URL("./build-threads.ts", import.meta.url));

export interface ThreadBundleOptions {
  readonly root: string;
  /** Resolves when the bundle is there. */
  build(root: string): Promise<void>;
}

/**
 * What a process starts its threads of users' functions with: the bundle, or the sources as long as there is none. A bundle is checked once, when the
 * first thread is started; one that is missing or outdated is built meanwhile, for the threads after it. No failure of it keeps a thread from starting.
 */
export class ThreadBundle {
  private readonly options: ThreadBundleOptions;
  /** Null without one, for now or for good. */
  private found: string | null = null;
  private checked = false;
  /** Resolves when nothing is being built. */
  built: Promise<void> = Promise.resolve();

  constructor(options: ThreadBundleOptions) {
    this.options = options;
  }

  /** The file to start a thread with; null: the source. */
  entry(logger: Logger): URL | null {
    if (!this.checked) this.check(logger);
    if (this.found === null) return null;
    if (existsSync(this.found)) return pathToFileURL(this.found);
    this.giveUp("it is gone", logger);
    return null;
  }

  /** No thread of this process is started with it any more. */
  giveUp(reason: string, logger: Logger): void {
    if (this.found === null) return;
    const bundle = this.found;
    this.found = null;
    logger.warn({ bundle, reason }, "the bundle of threads cannot be used; they start from the sources, more slowly");
  }

  private check(logger: Logger): void {
    this.checked = true;
    const found = findBundle(this.options.root);
    if (found.entry !== null) {
      this.found = found.entry;
      return;
    }
    const fields = { reason: found.text };
    if (found.reason === "damaged") logger.warn(fields, "the bundle of threads is damaged; it is built again");
    else logger.debug(fields, "there is no bundle of threads for these sources; it is built");
    this.built = this.build(logger);
  }

  private async build(logger: Logger): Promise<void> {
    const { root, build } = this.options;
    try {
      await build(root);
      const found = findBundle(root);
      if (found.entry === null) throw new Error(found.text);
      this.found = found.entry;
    } catch (cause) {
      const fields = { cause: errorText(cause) };
      logger.warn(
        fields,
        "the bundle of threads cannot be built; they start from the sources, more slowly: `npm run build` makes it where the folder can be written",
      );
    }
  }
}

/** Of this installation. */
export const threadBundle = new ThreadBundle({ root: ROOT, build: buildApart });

/** In a process of its own, with what the machine has left: the bundler's memory and its work are none of the caller's. */
async function buildApart(root: string): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, [SCRIPT, root], { cwd: root });
  } catch (cause) {
    const stderr = cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim() : "";
    throw stderr === "" ? cause : new Error(stderr, { cause });
  }
}
