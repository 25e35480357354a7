import type { SourceFile, TidyRule } from "./source-tree.ts";

/** What the rule needs to know of a command line: commander's Command has this shape. */
export interface CommandLike {
  name(): string;
  aliases?(): readonly string[];
  readonly commands: readonly CommandLike[];
  readonly options: readonly { readonly long?: string | undefined }[];
}

const CODE = /```[a-z]*\n([\s\S]*?)```|`([^`\n]+)`/g;
/** npm's own commands that a page may name. */
const NPM_OWN = ["install", "ci", "i", "pack", "publish", "exec", "audit", "ls"];

/** Every npm script and every millrace command and option that a page shows exists. */
export function commandsRule(program: CommandLike): TidyRule {
  return (files) => {
    const scripts = scriptsOf(files);
    return files
      .filter((file) => file.path.endsWith(".md") && !file.path.startsWith("docs/adr/"))
      .flatMap((file) =>
        linesOfCode(file.text).flatMap((line) =>
          [...npmFaults(line, scripts), ...millraceFaults(line, program)].map((fault) => `${file.path}: ${fault}`),
        ),
      );
  };
}

function scriptsOf(files: readonly SourceFile[]): readonly string[] {
  const manifest = JSON.parse(files.find((file) => file.path === "package.json")?.text ?? "{}");
  return Object.keys(manifest.scripts ?? {});
}

/** One command per line: continued lines are joined, chains are split. */
function linesOfCode(markdown: string): readonly string[] {
  return Array.from(markdown.matchAll(CODE), ([, block, inline]) => block ?? inline ?? "")
    .flatMap((code) => code.replaceAll("\\\n", " ").split("\n"))
    .flatMap((line) => line.replace(/(^|\s)#.*$/, "").split(/&&|\|\||[;|]/))
    .map((line) => line.trim().replace(/^\$ /, ""));
}

function npmFaults(line: string, scripts: readonly string[]): readonly string[] {
  const [, command = "", name = ""] = /^npm (\S+)(?: (\S+))?/.exec(line) ?? [];
  if (command === "" || NPM_OWN.includes(command) || command.startsWith("-")) return [];
  const script = command === "run" ? name : command;
  return scripts.includes(script) ? [] : [`there is no npm script ${script} (${line})`];
}

function millraceFaults(line: string, program: CommandLike): readonly string[] {
  const [, rest] =
    /^(?:npm run (?:-s |--silent )?millrace -- |(?:npx |\.\/node_modules\/\.bin\/)?millrace |node bin\/millrace\.js )(.*)$/.exec(
      line,
    ) ?? [];
  if (rest === undefined) return [];
  const words = rest.split(/\s+/).filter((word) => word !== "" && word !== "…");
  const faults: string[] = [];
  let command = program;
  const options = new Set(["--help", "--version", ...longOptions(program)]);
  for (const word of words) {
    const next = command.commands.find((candidate) =>
      [candidate.name(), ...(candidate.aliases?.() ?? [])].includes(word),
    );
    if (next !== undefined) {
      command = next;
      for (const option of longOptions(next)) options.add(option);
    } else if (command === program && /^[a-z]/.test(word)) {
      return [`there is no command millrace ${word} (${line})`];
    } else if (/^--[a-z]/.test(word) && !options.has(word.replace(/=.*$/, ""))) {
      faults.push(`millrace ${command.name()} has no option ${word} (${line})`);
    }
  }
  return faults;
}

function longOptions(command: CommandLike): readonly string[] {
  return command.options.flatMap((option) => option.long ?? []);
}
