import { join, relative, sep } from "node:path";
import type { Plugin } from "esbuild";

/**
 * Packages stay where they are, native ones and those that look for their own files among them. Only zod is many small modules without any of that.
 * What of Node nobody uses in the end is not loaded.
 */
export const packagesOutside: Plugin = {
  name: "packages",
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === "entry-point" || path === "zod"
        ? undefined
        : { path, external: true, sideEffects: !path.startsWith("node:") },
    );
  },
};

/** Native, looking for files of their own, or not for an edge: they stay where they are. */
const OUTSIDE =
  /^(lmdb|koffi|@node-rs\/|chdb|esbuild|vite|pg|@redis\/|@platformatic\/|kafkajs|@grpc\/|@fastify\/s|pino|thread-stream|mqtt)/;

const BUILT_IN = "built-in";

/** Packages go in, so that of each there is only what is used: hundreds of modules of kysely, zod and fastify. */
export const packagesIn: Plugin = {
  name: "packages",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind !== "entry-point" && OUTSIDE.test(path) ? { path, external: true } : undefined,
    );
    // Of fifty languages that zod can refuse in, Millrace speaks one.
    onResolve({ filter: /\/locales\/index\.js$/ }, ({ resolveDir }) => ({
      path: join(resolveDir, "../locales/en.js"),
    }));
    // An `import` of node:http asks for all that it has, and with that loads its WebSocket and fetch: 6 MB in each thread. This asks for what is used.
    onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: BUILT_IN, sideEffects: false }));
    onLoad({ filter: /.*/, namespace: BUILT_IN }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
      loader: "js",
    }));
  },
};

/** The text of a source for which `import.meta.url` is its own place, wherever in `outdir` it ends up. */
export function sourcePlace(text: string, path: string, outdir: string): string {
  const fromBundle = relative(outdir, path).split(sep).join("/");
  return text.replaceAll("import.meta.url", `(new URL(${JSON.stringify(fromBundle)}, import.meta.url).href)`);
}
