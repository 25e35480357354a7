import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/** Under the root of the installation, beside the built pages. */
export const BUNDLES = "dist/threads";
export const MANIFEST = "manifest.json";
export const ENTRY = "functions.js";

/** Which bundle: its folder under the root, and the file in it that is started. */
export interface BundlePlace {
  readonly bundles: string;
  readonly entry: string;
}

/** What threads of users' functions start from. */
export const THREADS_PLACE: BundlePlace = { bundles: BUNDLES, entry: ENTRY };
/** What an installation with little memory runs from. */
export const START_PLACE: BundlePlace = { bundles: "dist/start", entry: "start.js" };

/** Files with the SHA-256 of what they held, in hex. */
const files = z.record(z.string(), z.string());

const schema = z.object({
  v: z.literal(1),
  /** Under `dist/threads`: named by its content, so that one that is in use is never written to. */
  folder: z.string().regex(/^[0-9a-f]{16}$/),
  /** What it was made of, from the root. */
  inputs: files,
  /** What it is, from `folder`. */
  outputs: files,
});

/** Says what the bundle was made of, and which one it is. */
export type BundleManifest = z.infer<typeof schema>;

/** What there is to say of it, or why it is of no use. */
export type FoundBundle =
  | { readonly entry: string }
  | { readonly entry: null; readonly reason: "missing" | "outdated" | "damaged"; readonly text: string };

export function hashOf(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * The bundle of this installation, when it was made of exactly the files that are here now and nothing has happened to it: `entry` is the absolute
 * path of what a thread is started with. Reads all files of both sides, some milliseconds.
 */
export function findBundle(root: string, place: BundlePlace = THREADS_PLACE): FoundBundle {
  const bundles = join(root, place.bundles);
  const text = readOrNull(join(bundles, MANIFEST))?.toString("utf8");
  if (text === undefined) return { entry: null, reason: "missing", text: "none has been built yet" };
  const manifest = parse(text);
  if (manifest === null) return { entry: null, reason: "damaged", text: `${place.bundles}/${MANIFEST} is damaged` };
  const changed = firstChanged(root, manifest.inputs);
  if (changed !== null) return { entry: null, reason: "outdated", text: `${changed} has changed since it was built` };
  const folder = join(bundles, manifest.folder);
  const broken = firstChanged(folder, manifest.outputs);
  if (broken === null && Object.hasOwn(manifest.outputs, place.entry)) return { entry: join(folder, place.entry) };
  return {
    entry: null,
    reason: "damaged",
    text: `${place.bundles}/${manifest.folder}/${broken ?? place.entry} is damaged`,
  };
}

function parse(text: string): BundleManifest | null {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    // Half a file, or of another release: both mean to build.
    return null;
  }
}

/** The first file that does not have that hash, or is not there; null when all are as they were. */
export function firstChanged(folder: string, hashes: Readonly<Record<string, string>>): string | null {
  for (const [file, hash] of Object.entries(hashes)) {
    const bytes = readOrNull(join(folder, file));
    if (bytes === null || hashOf(bytes) !== hash) return file;
  }
  return null;
}

function readOrNull(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch {
    // Not there, or not to be read: it is no use either way.
    return null;
  }
}
