/**
 * One system call as strace saw it. `startedAt` and `returnedAt` are line numbers, which are a clock: strace stops a thread before a
 * call enters the kernel and again when it returns, and writes one line per stop, so whatever one thread does because of another's
 * result stands further down.
 */
export interface SystemCall {
  readonly thread: number;
  readonly name: string;
  /** Null for calls whose first argument is no descriptor. */
  readonly descriptor: number | null;
  /** What `-y` or `-yy` says that the descriptor is: a path, `TCP:[…]`, `pipe:[…]`. */
  readonly target: string;
  /** All that is quoted in the arguments, put together: the bytes that were read or written, whole with a large enough `-s`. */
  readonly bytes: Buffer;
  /** The arguments as text, quoted bytes left out. */
  readonly args: string;
  /** Null when the call never returned. */
  readonly result: number | null;
  readonly startedAt: number;
  /** `Infinity` when the call never returned. */
  readonly returnedAt: number;
}

interface Unfinished {
  readonly name: string;
  readonly args: string;
  readonly startedAt: number;
}

const LINE = /^(\d+) +(?:\d+\.\d+ )?(.*)$/s;
const RESUMED = /^<\.\.\. (\w+) resumed>(.*)$/s;
const CALL = /^(\w+)\((.*)$/s;
const UNFINISHED = " <unfinished ...>";
const RESULT = /^(.*)\) += (-?\d+|\?|0x[0-9a-f]+)(?: |<|$)/s;
/** `4<TCP:[a:1->b:2]>`, `5</a/path>`, or a path in hex. */
const DESCRIPTOR = /^(?:AT_FDCWD|(\d+))<(\w+:\[.*?\](?=>)|[^>]*)>/s;
const QUOTED = /"((?:[^"\\]|\\.)*)"/gs;

/** Reads the output of `strace -f -xx` with `-y` or `-yy`; `-ttt` may be there. Signals and ends of threads are left out. */
export function parseStraceLog(lines: Iterable<string>): SystemCall[] {
  const calls: SystemCall[] = [];
  const unfinished = new Map<number, Unfinished>();
  let lineNumber = 0;
  for (const line of lines) {
    lineNumber += 1;
    const [, threadText, text] = LINE.exec(line) ?? [];
    if (threadText === undefined || text === undefined) continue;
    const thread = Number(threadText);
    const [, resumedName, rest] = RESUMED.exec(text) ?? [];
    const [, calledName, called] = CALL.exec(text) ?? [];
    if (resumedName !== undefined && rest !== undefined) {
      const begun = unfinished.get(thread);
      unfinished.delete(thread);
      if (begun?.name === resumedName) calls.push(readCall(thread, begun, begun.args + rest, lineNumber));
    } else if (calledName !== undefined && called !== undefined) {
      const begun = { name: calledName, args: called, startedAt: lineNumber };
      if (!called.endsWith(UNFINISHED)) calls.push(readCall(thread, begun, called, lineNumber));
      else unfinished.set(thread, { ...begun, args: called.slice(0, -UNFINISHED.length) });
    }
  }
  for (const [thread, begun] of unfinished) calls.push(readCall(thread, begun, begun.args, Infinity));
  return calls.sort((a, b) => a.startedAt - b.startedAt);
}

function readCall(thread: number, begun: Unfinished, text: string, returnedAt: number): SystemCall {
  const [, args = text, result = "?"] = RESULT.exec(text) ?? [];
  const [whole, descriptor, target] = DESCRIPTOR.exec(args) ?? [];
  const rest = args.slice(whole?.length ?? 0);
  const returned = result !== "?";
  return {
    thread,
    name: begun.name,
    descriptor: descriptor === undefined ? null : Number(descriptor),
    target: target === undefined ? "" : unescape(target).toString("utf8"),
    bytes: Buffer.concat([...rest.matchAll(QUOTED)].map(([, quoted = ""]) => unescape(quoted))),
    args: rest.replaceAll(QUOTED, '""'),
    result: returned ? Number(result) : null,
    startedAt: begun.startedAt,
    returnedAt: returned ? returnedAt : Infinity,
  };
}

/** `-xx` writes every byte as `\xNN`; what is not escaped stands for itself. */
function unescape(text: string): Buffer {
  if (!text.includes("\\x")) return Buffer.from(text, "utf8");
  return Buffer.concat(
    text
      .split(/((?:\\x[0-9a-f]{2})+)/)
      .map((part) => (part.startsWith("\\x") ? Buffer.from(part.replaceAll("\\x", ""), "hex") : Buffer.from(part))),
  );
}
