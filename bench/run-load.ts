import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Load, LoadResult } from "./generator.ts";

const GENERATOR = fileURLToPath(new URL("./generator.ts", import.meta.url));

/** Runs a load in a process of its own. */
export async function runLoad(load: Load): Promise<LoadResult> {
  const child = fork(GENERATOR);
  const result = new Promise<LoadResult>((resolve, reject) => {
    child.once("message", (message: LoadResult) => resolve(message));
    child.once("exit", (code) => reject(new Error(`the generator ended with ${code} before it had a result`)));
  });
  child.send(load);
  const finished = await result;
  if (child.exitCode === null) await once(child, "exit");
  return finished;
}
