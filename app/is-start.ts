/** Options of all commands that may stand in front of the command, and whether a value follows. */
const GLOBAL_OPTIONS: Readonly<Record<string, boolean>> = { "--data": true, "--json": false };

/** Whether these arguments, without Node and script, are those of `millrace start`. */
export function isStart(args: readonly string[]): boolean {
  let at = 0;
  while (at < args.length) {
    const arg = args[at] ?? "";
    if (arg === "start") return true;
    if (!arg.startsWith("-")) return false;
    // `--data=folder` is one argument.
    at += GLOBAL_OPTIONS[arg] === true ? 2 : 1;
  }
  return false;
}
