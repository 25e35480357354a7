import { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { EdgeSocket } from "./edge-socket.ts";

const READ_BYTES = 64 * 1024;

/** Every read of every socket goes here. */
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

/**
 * Calls back with the bytes of each read, the first `length` of a buffer; they hold until the callback returns. A socket's "data" event comes with a buffer made for each read, of 64 KiB at first: at high rates that, and
 * the collections of garbage that follow, cost more than all that is done with the bytes. Sockets that are made with the option `onread` do
 * without; those that a server accepts can have none, so it is set where that option sets it. Where Node has changed, "data" does, as for sockets
 * that decode what they read and may have done so already.
 */
export function readIntoShared(socket: EdgeSocket, onBytes: OnBytes): void {
  if (!(socket instanceof Socket) || socket instanceof TLSSocket || !useShared(socket, onBytes))
    socket.on("data", (bytes: Buffer) => onBytes(bytes, bytes.length));
}

type OnBytes = (bytes: Buffer, length: number) => void;

function useShared(socket: Socket, onBytes: OnBytes): boolean {
  const symbols = Object.getOwnPropertySymbols(socket);
  const buffer = symbols.find(({ description }) => description === "kBuffer");
  const callback = symbols.find(({ description }) => description === "kBufferCb");
  const handle: unknown = Reflect.get(socket, "_handle");
  const use: unknown = typeof handle === "object" && handle !== null ? Reflect.get(handle, "useUserBuffer") : undefined;
  if (buffer === undefined || callback === undefined || typeof use !== "function") return false;
  Reflect.set(socket, buffer, shared);
  Reflect.set(socket, callback, (count: number) => {
    // The buffer itself: a view for each read would cost more than all that looks for its end.
    onBytes(shared, count);
    return true;
  });
  Reflect.apply(use, handle, [shared]);
  socket.resume();
  return true;
}
