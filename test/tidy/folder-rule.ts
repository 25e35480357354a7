import { importsOf } from "./imports.ts";
import type { TidyRule } from "./source-tree.ts";

/**
 * core ← wire ← engine ← kit ← every room of the middle row ← app; of the middle row only those that run functions import the kit. What is not named here (test,
 * bench, docs, bin) may import anything.
 */
const MIDDLE = ["broker", "log", "runtime", "processors", "registry", "sinks", "api", "dashboard", "device-sim"];
const RUN_FUNCTIONS = ["runtime", "processors"];
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  wire: ["core"],
  engine: ["core", "wire"],
  kit: ["core", "engine"],
  ...Object.fromEntries(MIDDLE.map((room) => [room, ["core", "wire", "engine"]])),
  ...Object.fromEntries(RUN_FUNCTIONS.map((room) => [room, ["core", "wire", "engine", "kit"]])),
  app: ["core", "wire", "engine", "kit", ...MIDDLE],
  examples: ["core", "kit"],
};
/** Pure rooms have no I/O: of Node they take what only computes. */
const PURE = ["core", "wire", "engine", "kit"];
const PURE_NODE = ["node:buffer", "node:util", "node:zlib"];
/** Reads fixtures, and runs in tests only. */
const NOT_PURE = "kit/testing.ts";
/** The browser gets what is bundled for it, so only what is pure or written for it. */
const BROWSER = "dashboard/web/";
const BROWSER_MAY_IMPORT = /^(core\/|dashboard\/web\/|dashboard\/live-protocol\.ts$)/;

export const folderRule: TidyRule = (files) =>
  files.flatMap(importsOf).flatMap(({ where, from, target, vendor }) => {
    const room = roomOf(from);
    if (
      PURE.includes(room) &&
      from !== NOT_PURE &&
      vendor?.startsWith("node:") === true &&
      !PURE_NODE.includes(vendor)
    ) {
      return [`${where}: ${room} is pure and must not import ${vendor}`];
    }
    if (target === null) return [];
    if (from.startsWith(BROWSER)) {
      const isStyle = target.endsWith(".css");
      return isStyle || BROWSER_MAY_IMPORT.test(target) ? [] : [`${where}: the browser app must not import ${target}`];
    }
    const targetRoom = roomOf(target);
    const allowed = MAY_IMPORT[room];
    if (allowed === undefined || targetRoom === room || allowed.includes(targetRoom)) return [];
    return [`${where}: ${room} must not import ${target}`];
  });

export function roomOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : "";
}
