/** Where this module is: beside the sources, or in the bundle that the process runs from. */
const HERE = new URL(import.meta.url);
const IN_BUNDLE = HERE.pathname.endsWith(".js");
/** The threads that are in it (`build-threads.ts`). */
const BUNDLED: readonly string[] = ["processors", "services", "shared"];

/** What a thread is started with: `module` from the folder of the threads, or the bundle's file of it. */
export function threadModule(module: string, folder: string): URL {
  const name = module.replace(/^\.\/|\.ts$/g, "");
  return IN_BUNDLE && BUNDLED.includes(name) ? new URL(`${name}.js`, HERE) : new URL(module, folder);
}
