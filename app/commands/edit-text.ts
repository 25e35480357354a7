import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MillraceError } from "../../core/errors.ts";

/** What is needed of `process`. */
type EditorPlace = Pick<NodeJS.Process, "env" | "platform">;

/** Lets the user edit a text in $VISUAL or $EDITOR. INVALID_INPUT when the editor does not end well. */
export function editText(text: string, fileName: string, { env, platform }: EditorPlace = process): string {
  const editor = env["VISUAL"] ?? env["EDITOR"] ?? (platform === "win32" ? "notepad" : "vi");
  const directory = mkdtempSync(join(tmpdir(), "millrace-edit-"));
  try {
    const file = join(directory, fileName);
    writeFileSync(file, text, { mode: 0o600 });
    // It may have arguments of its own.
    const { status, error } = spawnSync(`${editor} "${file}"`, { shell: true, stdio: "inherit" });
    if (status === 0) return readFileSync(file, "utf8");
    throw new MillraceError(
      "INVALID_INPUT",
      `the editor ${editor} ended with ${error?.message ?? status ?? "a signal"}`,
      {
        remedy: "Name another one in EDITOR, or the edited payload with --payload FILE.",
      },
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
