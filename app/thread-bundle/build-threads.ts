import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, extname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type BuildOptions, type Loader, type OutputFile, type Plugin } from "esbuild";
import { BUNDLES, ENTRY, findBundle, firstChanged, hashOf, MANIFEST, type BundleManifest } from "./manifest.ts";

const SCRIPT = "app/thread-bundle/build-threads.ts";
const FUNCTIONS = { [basename(ENTRY, ".js")]: "app/threads/bundled-functions.ts" };
/** Apart, so that a thread of functions stays one file. */
const CHECKS = {
  "function-check": "app/threads/function-check.ts",
  "confined-host": "app/processes/confined-host.ts",
};
/** The files that may know that they run from a bundle: packages are found from there too. */
const KNOW_THEIR_PLACE = ["app/thread-bundle/source-frames.ts", "app/late-logger.ts"];
/** What decides the result beside the files themselves: versions of the bundler among it. */
const ALSO_READ = ["package.json", SCRIPT];
const FOLDER = /^[0-9a-f]{16}$/;
const LEFT_BEHIND_MS = 3_600_000;

/**
 * Bundles what a thread of users' functions runs, and what checks them, into a few files under `dist/threads`: one file is loaded in a fraction of the time that
 * hundreds take. It is there as a whole or not at all, and says of which files it was made. Throws when a module does not bundle, asks
 * where it lies, or the folder cannot be written. Resolves with whether it built: not when it was there.
 */
export async function buildThreads(root: string): Promise<boolean> {
  if (findBundle(root).entry !== null) return false;
  const inputs: Record<string, string> = {};
  for (const file of ALSO_READ) inputs[file] = hashOf(readFileSync(join(root, file)));
  const built = [FUNCTIONS, CHECKS].map(async (entries) => (await build(optionsOf(root, entries, inputs))).outputFiles);
  const outputFiles = (await Promise.all(built)).flat();
  const outputs = Object.fromEntries(outputFiles.map(({ path, contents }) => [basename(path), hashOf(contents)]));
  const lines = Object.entries(outputs).map(([name, hash]) => `${name} ${hash}`);
  const folder = hashOf(lines.sort().join("\n")).slice(0, 16);
  writeBundle(join(root, BUNDLES), outputFiles, { v: 1, folder, inputs, outputs });
  return true;
}

function optionsOf(root: string, entryPoints: Record<string, string>, inputs: Record<string, string>) {
  return {
    absWorkingDir: root,
    entryPoints,
    outdir: join(root, BUNDLES, "folder"),
    bundle: true,
    write: false,
    // What is loaded when it is needed, such as Kafka, stays in files of its own and shares its modules with the rest.
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    charset: "utf8",
    legalComments: "none",
    keepNames: true,
    sourcemap: "linked",
    sourcesContent: false,
    // As Node takes the sources, whatever a tsconfig.json says.
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true, useDefineForClassFields: true } },
    plugins: [packagesOutside, readAs(root, inputs)],
    logLevel: "silent",
  } as const satisfies BuildOptions;
}

/**
 * Packages stay where they are, native ones and those that look for their own files among them. Only zod is many small modules without any of that.
 * What of Node nobody uses in the end is not loaded.
 */
const packagesOutside: Plugin = {
  name: "packages",
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === "entry-point" || path === "zod"
        ? undefined
        : { path, external: true, sideEffects: !path.startsWith("node:") },
    );
  },
};

/** Hands every file to the bundler by itself, so that what it notes is what was bundled, also when somebody writes to the file meanwhile. */
function readAs(root: string, inputs: Record<string, string>): Plugin {
  return {
    name: "read",
    setup({ onLoad }) {
      onLoad({ filter: /.*/, namespace: "file" }, ({ path }) => {
        const bytes = readFileSync(path);
        const file = relative(root, path).split(sep).join("/");
        inputs[file] = hashOf(bytes);
        const contents = bytes.toString("utf8");
        if (contents.includes("import.meta") && !KNOW_THEIR_PLACE.includes(file)) {
          const text = `${file} uses import.meta, which is another one in a bundle: have who starts the thread pass it on`;
          return { errors: [{ text }] };
        }
        return { contents, loader: loaderOf(path) };
      });
    },
  };
}

function loaderOf(path: string): Loader {
  const end = extname(path);
  if (end === ".ts") return "ts";
  return end === ".json" ? "json" : "js";
}

/** Into a folder of its own first; the manifest, which names it, comes last. Two builds at once do no harm: they make the same. */
function writeBundle(bundles: string, files: readonly OutputFile[], manifest: BundleManifest): void {
  const made = join(bundles, `new-${process.pid}`);
  const folder = join(bundles, manifest.folder);
  mkdirSync(made, { recursive: true });
  try {
    for (const { path, contents } of files) writeFileSync(join(made, basename(path)), contents, { flush: true });
    // What is whole may be in use: a thread is started with it, or another build has just made it.
    if (firstChanged(folder, manifest.outputs) !== null) {
      rmSync(folder, { recursive: true, force: true });
      renameSync(made, folder);
    }
    const text = join(bundles, `${MANIFEST}-${process.pid}`);
    writeFileSync(text, JSON.stringify(manifest), { flush: true });
    renameSync(text, join(bundles, MANIFEST));
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
  for (const name of readdirSync(bundles)) {
    if (name !== MANIFEST && name !== manifest.folder && isLeftOver(bundles, name))
      rmSync(join(bundles, name), { recursive: true, force: true });
  }
}

/** Of other sources, or of a build that was killed; not what another build is making now. */
function isLeftOver(bundles: string, name: string): boolean {
  if (FOLDER.test(name)) return true;
  const since = statSync(join(bundles, name), { throwIfNoEntry: false })?.mtimeMs;
  return since !== undefined && Date.now() - since > LEFT_BEHIND_MS;
}

if (import.meta.main) {
  try {
    await buildThreads(process.argv[2] ?? fileURLToPath(new URL("../../", import.meta.url)));
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
