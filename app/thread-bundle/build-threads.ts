import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, extname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type BuildOptions, type Loader, type OutputFile, type Plugin } from "esbuild";
import { findBundle, firstChanged, hashOf, MANIFEST, START_PLACE, THREADS_PLACE } from "./manifest.ts";
import { packagesIn, packagesOutside, sourcePlace } from "./bundle-plugins.ts";
import type { BundleManifest, BundlePlace } from "./manifest.ts";

const SCRIPT = "app/thread-bundle/build-threads.ts";

/** What a bundle is made of. */
interface BundleKind {
  readonly place: BundlePlace;
  /** By the names of the files that are made of them. Those that stand together share files. */
  readonly sources: readonly Readonly<Record<string, string>>[];
  readonly packages: Plugin;
  /** What `import.meta.url` is: that of the source, or nothing that a module may ask for. */
  readonly asksPlace: boolean;
  readonly sourcemap: "linked" | false;
}

const THREADS: BundleKind = {
  place: THREADS_PLACE,
  // Checks apart, so that a thread of functions stays one file.
  sources: [
    { functions: "app/threads/bundled-functions.ts" },
    { "function-check": "app/threads/function-check.ts", "confined-host": "app/processes/confined-host.ts" },
  ],
  packages: packagesOutside,
  asksPlace: false,
  sourcemap: "linked",
};
const START: BundleKind = {
  place: START_PLACE,
  sources: [
    {
      start: "app/bundled-start.ts",
      processors: "app/threads/processors.ts",
      services: "app/threads/services.ts",
      shared: "app/threads/shared.ts",
    },
  ],
  packages: packagesIn,
  asksPlace: true,
  // What reads one takes more memory than the bundle saves.
  sourcemap: false,
};
/** The files that may know that they run from a bundle: packages are found from there too. */
const KNOW_THEIR_PLACE = [
  "app/thread-bundle/source-frames.ts",
  "app/thread-bundle/thread-module.ts",
  "app/late-logger.ts",
];
/** What decides the result beside the files themselves: versions of the bundler among it. */
const ALSO_READ = ["package.json", SCRIPT];
const FOLDER = /^[0-9a-f]{16}$/;
const LEFT_BEHIND_MS = 3_600_000;

/**
 * Bundles what a thread of users' functions runs, and what checks them, into a few files under `dist/threads`: one file is loaded in a fraction of the time that
 * hundreds take. It is there as a whole or not at all, and says of which files it was made. Throws when a module does not bundle, asks
 * where it lies, or the folder cannot be written. Resolves with whether it built: not when it was there.
 */
export function buildThreads(root: string): Promise<boolean> {
  return buildBundle(root, THREADS);
}

/** The same of all that an installation with little memory runs, packages included (docs/adr/0041-little-memory-is-one-setting.md). */
export function buildStart(root: string): Promise<boolean> {
  return buildBundle(root, START);
}

async function buildBundle(root: string, kind: BundleKind): Promise<boolean> {
  const { bundles } = kind.place;
  if (findBundle(root, kind.place).entry !== null) return false;
  const inputs: Record<string, string> = {};
  for (const file of ALSO_READ) inputs[file] = hashOf(readFileSync(join(root, file)));
  const built = kind.sources.map(async (sources) => (await build(optionsOf(root, sources, inputs, kind))).outputFiles);
  const outputFiles = (await Promise.all(built)).flat();
  const outputs = Object.fromEntries(outputFiles.map(({ path, contents }) => [basename(path), hashOf(contents)]));
  const lines = Object.entries(outputs).map(([name, hash]) => `${name} ${hash}`);
  const folder = hashOf(lines.sort().join("\n")).slice(0, 16);
  writeBundle(join(root, bundles), outputFiles, { v: 1, folder, inputs, outputs });
  return true;
}

/** Modules of packages that are written for `require` find it, and nothing is the main module. */
const START_OPTIONS: Pick<BuildOptions, "banner" | "define" | "minifySyntax" | "minifyWhitespace"> = {
  banner: {
    js: 'const require = process.getBuiltinModule("node:module").createRequire(import.meta.url);',
  },
  define: { "import.meta.main": "false" },
  // V8 keeps the text of what it runs.
  minifySyntax: true,
  minifyWhitespace: true,
};

function optionsOf(
  root: string,
  sources: Readonly<Record<string, string>>,
  inputs: Record<string, string>,
  kind: BundleKind,
) {
  const outdir = join(root, kind.place.bundles, "folder");
  const entries = Object.entries(sources).map(([name, source]) => [name, join(root, source)] as const);
  return {
    absWorkingDir: root,
    entryPoints: Object.fromEntries(entries),
    outdir,
    bundle: true,
    write: false,
    // What is loaded when it is needed, such as Kafka, stays in files of its own and shares its modules with the rest.
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    // A character beyond Latin-1 makes V8 keep the whole file in two bytes for each.
    charset: kind.asksPlace ? "ascii" : "utf8",
    ...(kind.asksPlace ? START_OPTIONS : {}),
    legalComments: "none",
    keepNames: true,
    sourcemap: kind.sourcemap,
    sourcesContent: false,
    // As Node takes the sources, whatever a tsconfig.json says.
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true, useDefineForClassFields: true } },
    plugins: [kind.packages, readAs(root, inputs, kind.asksPlace ? outdir : null)],
    logLevel: "silent",
  } as const satisfies BuildOptions;
}

/** Hands every file to the bundler by itself, so that what it notes is what was bundled, also when somebody writes to the file meanwhile. */
function readAs(root: string, inputs: Record<string, string>, outdir: string | null): Plugin {
  return {
    name: "read",
    setup({ onLoad }) {
      onLoad({ filter: /.*/, namespace: "file" }, ({ path }) => {
        const bytes = readFileSync(path);
        const file = relative(root, path).split(sep).join("/");
        inputs[file] = hashOf(bytes);
        const text = bytes.toString("utf8");
        const isOwn = !file.startsWith("node_modules/");
        const knowsItsPlace = KNOW_THEIR_PLACE.includes(file);
        const contents = outdir === null || !isOwn || knowsItsPlace ? text : sourcePlace(text, path, outdir);
        if (outdir === null && contents.includes("import.meta") && !knowsItsPlace) {
          const why = `${file} uses import.meta, which is another one in a bundle: have who starts the thread pass it on`;
          return { errors: [{ text: why }] };
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
    // Without arguments both; else that of one root which is named, or that of threads.
    const [, , root = fileURLToPath(new URL("../../", import.meta.url)), name] = process.argv;
    if (name !== "start") await buildThreads(root);
    if (name === "start" || process.argv.length === 2) await buildStart(root);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
