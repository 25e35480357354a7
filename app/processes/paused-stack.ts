import { Session } from "node:inspector";

interface Frame {
  readonly functionName: string;
  readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber: number };
}

interface Message {
  readonly method?: string;
  readonly params: { readonly callFrames: readonly Frame[]; readonly scriptId: string; readonly url: string };
}

/**
 * Where the one thread of this process is, as a stack of an error has it: asked of V8's debugger, which is heard in a loop too. Empty when it has not answered
 * by then, because it waits in the machine and not in JavaScript. The thread stands still from then on.
 */
export async function pausedStack(waitMs: number): Promise<string> {
  const session = new Session();
  const urls = new Map<string, string>();
  const { promise, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => resolve(""), waitMs);
  session.connect();
  session.on("NodeWorker.attachedToWorker", ({ params: { sessionId } }) => {
    for (const [id, method] of ["Debugger.enable", "Debugger.pause"].entries())
      session.post("NodeWorker.sendMessageToWorker", { sessionId, message: JSON.stringify({ id, method }) });
  });
  session.on("NodeWorker.receivedMessageFromWorker", ({ params: { message } }) => {
    const { method, params }: Message = JSON.parse(message);
    if (method === "Debugger.scriptParsed") urls.set(params.scriptId, params.url);
    if (method === "Debugger.paused") resolve(params.callFrames.map((frame) => frameText(frame, urls)).join("\n"));
  });
  session.post("NodeWorker.enable", { waitForDebuggerOnStart: false });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

function frameText({ functionName, location }: Frame, urls: ReadonlyMap<string, string>): string {
  const { scriptId, lineNumber, columnNumber } = location;
  return `    at ${functionName} (${urls.get(scriptId) ?? ""}:${lineNumber + 1}:${columnNumber + 1})`;
}
