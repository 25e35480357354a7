import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

/** What runs instead of bin/millrace.js, and is told through the socket MILLRACE_TEST_CONTROL what to do. */
export const DRIVEN_INSTANCE = fileURLToPath(new URL("driven-instance.ts", import.meta.url));

/** What it answers; empty when it is away. */
export async function tellInstance(control: string, line: string): Promise<string> {
  const socket = connect(control);
  socket.end(`${line}\n`);
  return text(socket).catch(() => "");
}
