import type { Socket } from "node:net";

const READ_BYTES = 64 * 1024;

/** Every read of every socket goes here: its bytes hold until the callback returns. */
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

/**
 * Calls back with the bytes of each read. A socket's "data" event comes with a buffer made for each read, of 64 KiB at first: at high rates that, and
 * the collections of garbage that follow, cost more than all that is done with the bytes. Sockets that are made with the option `onread` do
 * without; those that a server accepts can have none, so it is set where that option sets it. Where Node has changed, "data" does.
 */
export function readIntoShared(socket: Socket, onBytes: (bytes: Buffer) => void): void {
  const symbols = Object.getOwnPropertySymbols(socket);
  const buffer = symbols.find(({ description }) => description === "kBuffer");
  const callback = symbols.find(({ description }) => description === "kBufferCb");
  const handle: unknown = Reflect.get(socket, "_handle");
  const use: unknown = typeof handle === "object" && handle !== null ? Reflect.get(handle, "useUserBuffer") : undefined;
  if (buffer === undefined || callback === undefined || typeof use !== "function") {
    socket.on("data", onBytes);
    return;
  }
  Reflect.set(socket, buffer, shared);
  Reflect.set(socket, callback, (count: number) => {
    onBytes(shared.subarray(0, count));
    return true;
  });
  Reflect.apply(use, handle, [shared]);
  socket.resume();
}
