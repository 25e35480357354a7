import { existsSync, globSync } from "node:fs";
import { basename } from "node:path";
import { MillraceError } from "../../core/errors.ts";

export interface RequiredProject {
  /** The folder, as the user named it. */
  readonly folder: string;
  /** A fixture's name that the user gave. */
  readonly fixture?: string;
}

/** Where nothing could ever run, watching it would say nothing. INVALID_INPUT without the folder, a function or the fixture that was named. */
export function requireProject({ folder, fixture }: RequiredProject): void {
  if (!existsSync(folder)) {
    throw new MillraceError("INVALID_INPUT", `there is no folder ${folder}`, {
      remedy: `Name the folder of a functions project, or make one: millrace init ${folder}.`,
    });
  }
  if (globSync("functions/*.ts", { cwd: folder, exclude: ["**/*.test.ts"] }).length === 0) {
    const place = folder === "." ? "this folder" : folder;
    throw new MillraceError("INVALID_INPUT", `there is no function in ${place}: no functions/*.ts`, {
      remedy: "Name the folder of a functions project (millrace dev FOLDER), or make one: millrace init FOLDER.",
    });
  }
  if (fixture !== undefined && globSync(`fixtures/${fixture}.jsonl`, { cwd: folder }).length === 0) {
    throw new MillraceError("INVALID_INPUT", `there is no fixtures/${fixture}.jsonl`, {
      remedy: otherFixtures(folder),
    });
  }
}

function otherFixtures(folder: string): string {
  const names = globSync("fixtures/*.jsonl", { cwd: folder }).map((path) => basename(path, ".jsonl"));
  if (names.length > 0) return `Fixtures that are there: ${names.toSorted().join(", ")}.`;
  return "Make one: millrace record --device DEVICE > fixtures/DEVICE.jsonl.";
}
