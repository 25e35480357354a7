import { relative, resolve } from "node:path";
import { initProject } from "../functions/init-project.ts";
import { EXIT } from "./output.ts";

/** `millrace init [DIR]`: a project for functions, to be committed. */
export function initCommand(folder: string, { json }: { readonly json: boolean }): number {
  const files = initProject(folder);
  if (json) {
    console.log(JSON.stringify({ folder: resolve(folder), files }));
    return EXIT.ok;
  }
  const shown = relative(process.cwd(), resolve(folder));
  const lines = [
    `A project for functions is in ${shown === "" ? "this folder" : shown}:`,
    "",
    ...files.map((file) => `  ${file}`),
    "",
    "Go on there:",
    "",
    ...(shown === "" ? [] : [`  cd ${shown}`]),
    "  npm install      brings the compiler and the linter",
    "  npm test         runs the tests",
    "  npm run dev      runs the functions whenever a file is saved",
  ];
  console.log(lines.join("\n"));
  return EXIT.ok;
}
