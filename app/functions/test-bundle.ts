import { globSync, rmSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { build, type BuildFailure, type Plugin } from "esbuild";
import { MillraceError, isMillraceError } from "../../core/errors.ts";
import { bundleFunctions } from "./bundle.ts";

/** Where the files of the kit are: tests of functions run with this Millrace's own. */
const PUBLIC_MODULES: Readonly<Record<string, string>> = {
  "millrace/function": new URL("../../kit/function.ts", import.meta.url).href,
  "millrace/testing": new URL("../../kit/testing.ts", import.meta.url).href,
};
const LOADER = new URL("../../runtime/load-functions.ts", import.meta.url).href;
/** Below the project: made anew by each run, and not to be committed. */
const OUTPUT = join(".millrace", "tests");

/**
 * Bundles the tests of a project, each with what it imports. What they import of `functions/` is bundled and loaded as a processor loads
 * it. Returns the bundled files. FUNCTION_INVALID with file, line and column when one does not compile; NOT_FOUND when there is none.
 */
export async function bundleTests(project: string): Promise<string[]> {
  const sources = globSync("**/*.test.ts", { cwd: project, exclude: ["**/node_modules", "**/.millrace"] }).toSorted();
  if (sources.length === 0) {
    throw new MillraceError("NOT_FOUND", `there is no test in ${project}`, {
      remedy: "Write one, such as functions/NAME.test.ts; millrace init makes a project with some.",
    });
  }
  const outdir = resolve(project, OUTPUT);
  rmSync(outdir, { recursive: true, force: true });
  await build({
    entryPoints: sources,
    absWorkingDir: resolve(project),
    outdir,
    outbase: ".",
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node24",
    charset: "utf8",
    sourcemap: "inline",
    plugins: [millraceModules, functionModules(resolve(project, "functions"))],
    logLevel: "silent",
  }).catch((failure: BuildFailure) => {
    throw doesNotBundle(failure);
  });
  return sources.map((source) => join(outdir, source.replace(/\.ts$/, ".mjs")));
}

const millraceModules: Plugin = {
  name: "millrace",
  setup({ onResolve }) {
    onResolve({ filter: /^millrace\// }, ({ path }) => {
      const url = PUBLIC_MODULES[path];
      return url === undefined ? null : { path: url, external: true };
    });
    onResolve({ filter: /^zod$/ }, () => ({ path: import.meta.resolve("zod"), external: true }));
  },
};

/** A file of functions stands in a test for what the loader makes of its bundle: without clock, randomness and input or output. */
function functionModules(folder: string): Plugin {
  return {
    name: "functions",
    setup({ onResolve, onLoad, resolve: resolveAgain }) {
      onResolve({ filter: /^\.{0,2}\// }, async ({ path, resolveDir, kind, importer, pluginData }) => {
        if (kind === "entry-point" || pluginData === "again") return null;
        const found = await resolveAgain(path, { resolveDir, kind, importer, pluginData: "again" });
        const isFunction = found.path.startsWith(folder + sep) && !found.path.endsWith(".test.ts");
        return isFunction ? { path: found.path, namespace: "functions" } : found;
      });
      onResolve({ filter: /^millrace-loader$/ }, () => ({ path: "millrace-loader", namespace: "loader" }));
      onLoad({ filter: /.*/, namespace: "loader" }, () => ({
        contents: `export { loadModule } from ${JSON.stringify(LOADER)};`,
      }));
      onResolve({ filter: /^file:/ }, ({ path }) => ({ path, external: true }));
      onLoad({ filter: /.*/, namespace: "functions" }, async ({ path }) => {
        try {
          const { code, files } = await bundleFunctions(path);
          return {
            contents: `module.exports = require("millrace-loader").loadModule(${JSON.stringify(code)});`,
            watchFiles: [...files],
          };
        } catch (error) {
          if (!isMillraceError(error)) throw error;
          return { errors: [{ text: error.message }] };
        }
      });
    },
  };
}

function doesNotBundle(failure: BuildFailure): MillraceError {
  const texts = failure.errors.map(({ text, location }) => {
    // What is wrong with a function names its own place.
    if (location === null || location.namespace === "functions") return text;
    return `${location.file}:${location.line}:${location.column + 1}: ${text}`;
  });
  return new MillraceError("FUNCTION_INVALID", texts.join("; "), { cause: failure, remedy: "Correct the file." });
}
