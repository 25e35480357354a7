import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Worker } from "node:worker_threads";
import { temporaryDirectory } from "./instance.ts";

/** What a bundle of threads is made of, with as little in it as possible: the thread says what the function says. */
const FILES: Readonly<Record<string, string>> = {
  "package.json": JSON.stringify({ type: "module" }),
  "app/thread-bundle/build-threads.ts": "",
  "app/thread-bundle/source-frames.ts": "",
  "app/threads/bundled-functions.ts": `import "../thread-bundle/source-frames.ts"; import "./functions.ts";`,
  "app/threads/functions.ts": `import { parentPort } from "node:worker_threads"; import { says } from "./says.ts"; parentPort.postMessage(says);`,
  "app/threads/function-check.ts": "",
  "app/processes/confined-host.ts": "",
  "app/threads/says.ts": `export const says: string = "first";`,
};

/** The root of an installation that has nothing but a thread. */
export class SmallInstallation {
  private readonly directory = temporaryDirectory();

  constructor() {
    for (const [file, text] of Object.entries(FILES)) this.write(file, text);
  }

  get root(): string {
    return this.directory.path;
  }

  write(file: string, text: string): void {
    const path = join(this.root, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  read(file: string): string {
    return readFileSync(join(this.root, file), "utf8");
  }

  dispose(): void {
    this.directory.dispose();
  }
}

/** What a thread says that is started with that file; rejects with what it dies of. */
export async function said(entry: string): Promise<unknown> {
  const worker = new Worker(entry);
  try {
    return await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
  } finally {
    await worker.terminate();
  }
}
