import { existsSync, globSync, watch } from "node:fs";
import { basename, join } from "node:path";

const SKIPPED = ["node_modules", ".millrace", ".git"];
/** Editors save in several steps. */
const SETTLE_MS = 30;

/**
 * Calls `changed` after files of the project were saved, with the time of the first of them (`performance.now()`), until `signal` aborts. Never
 * two calls at once.
 */
export function watchProject(project: string, signal: AbortSignal, changed: (since: number) => Promise<void>): void {
  let since: number | null = null;
  let running = false;
  const run = async (): Promise<void> => {
    if (running || since === null) return;
    running = true;
    const begun = since;
    since = null;
    try {
      await changed(begun);
    } finally {
      running = false;
    }
    await run();
  };
  const watched = new Set<string>();
  // Folder by folder: Node's recursive watch loses a file on Linux once an editor has replaced it.
  const watchFolders = (): void => {
    for (const folder of foldersOf(project)) {
      if (watched.has(folder)) continue;
      watched.add(folder);
      const watcher = watch(folder, { signal }, (_event, file) => {
        if (file === null || SKIPPED.includes(file)) return;
        since ??= performance.now();
        watchFolders();
        // A programmer's error in `changed` ends the process, as everywhere.
        setTimeout(() => void run(), SETTLE_MS);
      });
      watcher.on("error", () => watcher.close());
      watcher.on("close", () => watched.delete(folder));
    }
  };
  watchFolders();
}

function foldersOf(project: string): readonly string[] {
  const folders = globSync("**/", { cwd: project, exclude: (name) => SKIPPED.includes(basename(name)) });
  return [project, ...folders.map((folder) => join(project, folder))].filter((folder) => existsSync(folder));
}
