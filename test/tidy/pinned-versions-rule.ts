import type { TidyRule } from "./source-tree.ts";

/** Dependencies are exact: what was tested is what is installed. */
export const pinnedVersionsRule: TidyRule = (files) =>
  files
    .filter((file) => file.path === "package.json")
    .flatMap(({ path, text }) => {
      const manifest: Record<string, unknown> = JSON.parse(text);
      return ["dependencies", "devDependencies", "optionalDependencies"]
        .flatMap((kind) => Object.entries(manifest[kind] ?? {}))
        .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(String(version)))
        .map(([name, version]) => `${path}: ${name} ${String(version)} is not an exact version`);
    });
