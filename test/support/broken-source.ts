import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

/** A change of the source that takes away what a promise rests on. The text stands in its file exactly once. */
export interface Edit {
  readonly file: string;
  readonly text: string;
  readonly broken: string;
}

const NOT_COPIED = ["node_modules", ".git", "data", "coverage"];
const ROOT = join(import.meta.dirname, "..", "..");

/** The files as the broken build has them. Throws when what is to be broken is not there, or is there twice. */
export function brokenFiles(
  edits: readonly Edit[],
  source: string,
): { readonly path: string; readonly text: string }[] {
  return edits.map(({ file, text, broken }) => {
    const path = join(source, file);
    const parts = readFileSync(path, "utf8").split(text);
    if (parts.length !== 2) throw new Error(`${file} has this ${parts.length - 1} times: ${text}`);
    return { path, text: parts.join(broken) };
  });
}

/** Hands out a broken copy of the source, in `source` of a folder that is removed afterwards. */
export async function withBrokenSource<T>(edits: readonly Edit[], work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-broken-"));
  try {
    const source = join(folder, "source");
    cpSync(ROOT, source, {
      recursive: true,
      preserveTimestamps: true,
      filter: (path) => path === ROOT || !NOT_COPIED.includes(basename(path)),
    });
    symlinkSync(join(ROOT, "node_modules"), join(source, "node_modules"));
    for (const { path, text } of brokenFiles(edits, source)) writeFileSync(path, text);
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
