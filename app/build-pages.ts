import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { MillraceError, errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";

const SCRIPT = fileURLToPath(import.meta.url);
/** What the pages are made of: their own files, what they import of other rooms, and the versions of the tools. */
const SOURCES = ["dashboard/web", "dashboard/live-protocol.ts", "core", "package.json", "app/build-pages.ts"];
const OUTPUT = "dist/web";
const HASH_FILE = "source-hash.txt";

/**
 * Builds the browser app from `dashboard/web` into `dist/web` unless it is already there for exactly these sources. The build runs in
 * a process of its own: the bundler's memory and its work are none of the caller's. Resolves with whether it built. CONFIG_INVALID
 * when the build fails.
 */
export async function buildPagesIfStale(root: string, logger?: Logger): Promise<boolean> {
  const hash = hashSources(root);
  if (readText(join(root, OUTPUT, HASH_FILE)) === hash) return false;
  const startedAt = performance.now();
  try {
    await promisify(execFile)(process.execPath, [SCRIPT, root], { cwd: root });
  } catch (cause) {
    throw new MillraceError("CONFIG_INVALID", `the dashboard's pages cannot be built: ${errorText(cause)}`, {
      cause,
      remedy: "Run `npm install`, then `npm run build` to see why.",
    });
  }
  logger?.info({ buildMs: Math.round(performance.now() - startedAt) }, "built the dashboard's pages");
  return true;
}

/** Into a folder of its own first, so that a reader never sees half of it and two builds at once do no harm. */
async function buildPages(root: string): Promise<void> {
  const hash = hashSources(root);
  const made = join(root, `dist/web-${process.pid}`);
  const { build } = await import("vite");
  try {
    await build({
      root: join(root, "dashboard/web"),
      configFile: false,
      logLevel: "warn",
      build: { outDir: made, emptyOutDir: true, target: "es2022", assetsInlineLimit: 0, reportCompressedSize: false },
    });
    compressFiles(join(made, "assets"));
    writeFileSync(join(made, HASH_FILE), hash);
    const former = `${made}-former`;
    mkdirSync(join(root, OUTPUT), { recursive: true });
    renameSync(join(root, OUTPUT), former);
    renameSync(made, join(root, OUTPUT));
    rmSync(former, { recursive: true });
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

/** The API sends the compressed twin of a file to who takes it. */
function compressFiles(directory: string): void {
  for (const file of filesOf(directory)) {
    const bytes = readFileSync(file);
    writeFileSync(`${file}.br`, brotliCompressSync(bytes));
    writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
  }
}

function hashSources(root: string): string {
  const hash = createHash("sha256");
  for (const source of SOURCES) {
    for (const file of filesOf(join(root, source))) {
      hash.update(relative(root, file)).update("\0").update(readFileSync(file)).update("\0");
    }
  }
  return hash.digest("hex");
}

function filesOf(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Null when there is no such file. */
function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Never built, or half removed: both mean to build.
    return null;
  }
}

if (import.meta.main) await buildPages(process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url)));
