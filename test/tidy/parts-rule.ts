import type { TidyRule } from "./source-tree.ts";

/**
 * Folders of interchangeable parts: each part is a file or a folder of its own and has tests of its own name, `NAME.test.ts`,
 * `NAME-….test.ts` or files in a folder `NAME`, anywhere below test/. `besides` names what lies there but is no part.
 */
const FOLDERS: readonly { readonly folder: string; readonly besides: readonly string[] }[] = [
  { folder: "log", besides: [] },
  { folder: "processors", besides: ["main-stage"] },
  { folder: "sinks", besides: [] },
  { folder: "device-sim/features", besides: ["feature"] },
  { folder: "device-sim/profiles", besides: ["profile"] },
];

export const partsRule: TidyRule = (files) => {
  const tests = files.map((file) => file.path).filter((path) => path.endsWith(".test.ts"));
  const isTested = (part: string) => tests.some((path) => new RegExp(`[/-]${part}([/-]|\\.test\\.ts$)`).test(path));
  return FOLDERS.flatMap(({ folder, besides }) => {
    const parts = new Set(files.flatMap((file) => partOf(file.path, folder)));
    return [...parts]
      .filter((part) => !besides.includes(part) && !isTested(part))
      .map((part) => `${folder}/${part}: this part has no test of its own`);
  });
};

/** For folders of engines and destinations only subfolders are parts; loose files beside them are what the parts share. */
function partOf(path: string, folder: string): readonly string[] {
  if (!path.startsWith(`${folder}/`) || !path.endsWith(".ts")) return [];
  const [part = "", inside] = path.slice(folder.length + 1).split("/");
  if (inside !== undefined) return [part];
  const onlyFolders = folder === "log" || folder === "sinks";
  return onlyFolders ? [] : [part.slice(0, -".ts".length)];
}
