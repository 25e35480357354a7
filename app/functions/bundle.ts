import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import type { BuildFailure, BuildOptions, Message, Metafile, Plugin } from "esbuild";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";

/** A function's file with all that it imports, as one CommonJS text. */
export interface FunctionBundle {
  readonly code: string;
  /** SHA-256 of the code, in hex: the same files give the same, wherever they lie. */
  readonly hash: string;
  /** Says which line of which file a line of the code was made of. JSON, as of source maps. */
  readonly sourceMap: string;
  /** Files that it was made of, absolute: who watches them knows when to bundle again. */
  readonly files: readonly string[];
}

const PUBLIC_MODULE = "millrace/function";
const FAULTS_SHOWN = 5;
const LARGEST_SHOWN = 3;

/**
 * Bundles a file of functions for `loadFunctions`. FUNCTION_INVALID with file, line and column when it does not compile or imports what is
 * not there, and when the code is too large.
 */
export async function bundleFunctions(entry: string): Promise<FunctionBundle> {
  const path = resolve(entry);
  requireFile(path, entry);
  // Loaded when somebody deploys: it stays in memory.
  const { build } = await import("esbuild");
  const { outputFiles, metafile } = await build(optionsOf(path)).catch((cause: BuildFailure) => {
    throw doesNotBundle(cause, dirname(path));
  });
  const textOf = (end: string) => outputFiles.find((file) => file.path.endsWith(end))?.text ?? "";
  const code = textOf(".js");
  requireSize(code, entry, metafile);
  return {
    code,
    hash: createHash("sha256").update(code).digest("hex"),
    sourceMap: textOf(".map"),
    files: Object.keys(metafile.inputs)
      .filter((file) => !file.startsWith("zod:"))
      .map((file) => join(dirname(path), file)),
  };
}

function optionsOf(path: string) {
  return {
    entryPoints: [path],
    // Comments in the code name files from here: the same wherever the folder lies.
    absWorkingDir: dirname(path),
    outfile: join(dirname(path), "function.js"),
    bundle: true,
    write: false,
    metafile: true,
    format: "cjs",
    platform: "neutral",
    mainFields: ["module", "main"],
    target: "node24",
    charset: "utf8",
    legalComments: "none",
    sourcemap: "external",
    sourcesContent: false,
    define: { "process.env.NODE_ENV": '"production"' },
    external: [PUBLIC_MODULE],
    plugins: [zodOfMillrace],
    logLevel: "silent",
  } as const satisfies BuildOptions;
}

/** Schemas must be made by the zod that checks them, so that it is not bundled once more with every function. */
const zodOfMillrace: Plugin = {
  name: "zod",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^zod$/ }, () => ({ path: "zod", namespace: "zod" }));
    onLoad({ filter: /.*/, namespace: "zod" }, () => ({
      contents: `const { z } = require("${PUBLIC_MODULE}"); module.exports = { ...z, z, default: z, __esModule: true };`,
    }));
  },
};

function doesNotBundle(failure: BuildFailure, folder: string): MillraceError {
  const { errors } = failure;
  const shown = errors.slice(0, FAULTS_SHOWN).map((error) => faultText(error, folder));
  const more = errors.length > shown.length ? [`and ${errors.length - shown.length} more`] : [];
  const isMissing = errors.some(({ text }) => text.startsWith("Could not resolve"));
  return new MillraceError("FUNCTION_INVALID", [...shown, ...more].join("; "), {
    cause: failure,
    remedy: isMissing
      ? "Install the package beside the function. Modules of Node (node:fs, node:http) are not there: a function reads no files and calls nobody."
      : "Correct the file and deploy again.",
  });
}

function faultText({ text, location }: Message, folder: string): string {
  if (location === null) return text;
  const file = relative(process.cwd(), join(folder, location.file));
  return `${file}:${location.line}:${location.column + 1}: ${text}`;
}

/** Esbuild says of both that it could not resolve them, as of a package that is not installed. */
function requireFile(path: string, entry: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile() === true) return;
  const text = found === undefined ? `there is no file ${entry}` : `${entry} is a folder`;
  const remedy =
    found === undefined ? "Name a file of functions that is there." : "Name a file of functions that lies in it.";
  throw new MillraceError("FUNCTION_INVALID", text, { remedy });
}

/** As JSON: so it travels. */
function requireSize(code: string, entry: string, { outputs }: Metafile): void {
  const bytes = Buffer.byteLength(JSON.stringify(code));
  if (bytes <= LIMITS.functionCodeBytesMax) return;
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs));
  const largest = inputs.sort(([, a], [, b]) => b.bytesInOutput - a.bytesInOutput).slice(0, LARGEST_SHOWN);
  const named = largest.map(([file, { bytesInOutput }]) => `${file} ${kib(bytesInOutput)}`).join(", ");
  const text = `${basename(entry)} with all that it imports is ${kib(bytes)}; ${kib(LIMITS.functionCodeBytesMax)} are allowed`;
  throw new MillraceError("FUNCTION_INVALID", text, { remedy: `Import less of what is largest: ${named}.` });
}

function kib(bytes: number): string {
  return `${Math.ceil(bytes / 1024)} KiB`;
}
