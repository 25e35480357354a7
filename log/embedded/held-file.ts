import { statSync } from "node:fs";

/**
 * For a file that somebody keeps open: tells whether its path still names it. The writes of whoever has it open succeed all the same
 * when it was deleted, and vanish with the process.
 */
export function holdFile(path: string): () => boolean {
  const held = statSync(path, { bigint: true });
  return () => {
    try {
      const now = statSync(path, { bigint: true, throwIfNoEntry: false });
      return now?.ino === held.ino && now.dev === held.dev;
    } catch (error) {
      // A directory that may not be read says nothing about the file.
      if (error instanceof Error) return true;
      throw error;
    }
  };
}
