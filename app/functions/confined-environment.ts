import { resolve } from "node:path";

/** What decides how the code's dates and texts come out, and what Windows starts no process without. */
const PASSED_ON = ["TZ", "LANG", "LC_ALL", "SystemRoot"];
const COMPILED = "NODE_COMPILE_CACHE";

/** The variables of a process that loads code which nobody has looked at: no setting and no secret of this one is among them. */
export function environmentOfConfined({ env: own }: Pick<NodeJS.Process, "env"> = process): NodeJS.ProcessEnv {
  const passed = PASSED_ON.flatMap((name) => (own[name] === undefined ? [] : [[name, own[name]]]));
  const compiled = own[COMPILED] === undefined ? {} : { [COMPILED]: resolve(own[COMPILED]) };
  return { ...Object.fromEntries(passed), ...compiled };
}
