import { fileURLToPath, pathToFileURL } from "node:url";
import { findBundle } from "./manifest.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** What has been built, for who starts one thread and ends: nothing is built for it. */
export const builtThreads = {
  entry(): URL | null {
    const { entry } = findBundle(ROOT);
    return entry === null ? null : pathToFileURL(entry);
  },
  giveUp(): void {
    // An installation that runs says so.
  },
};
