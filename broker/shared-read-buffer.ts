import type { Socket } from "node:net";
import type { EdgeSocket } from "./edge-socket.ts";
import { fieldOf, isPlainTcp } from "./socket-handle.ts";

const READ_BYTES = 64 * 1024;
/** Where a socket has its reader. */
const READER = Symbol("reader");

/** Every read of every socket goes here. */
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

/** Takes what is read: the first `length` of these bytes, which hold until it returns. */
export interface ByteReader {
  read(bytes: Buffer, length: number): void;
}

/**
 * Hands the bytes of each read on. A socket's "data" event comes with a buffer made for each read, of 64 KiB at first: at high rates that, and
 * the collections of garbage that follow, cost more than all that is done with the bytes. Sockets that are made with the option `onread` do
 * without; those that a server accepts can have none, so it is set where that option sets it. Where Node has changed, "data" does, as for sockets
 * that decode what they read and may have done so already.
 */
export function readIntoShared(socket: EdgeSocket, reader: ByteReader): void {
  if (!isPlainTcp(socket) || !useShared(socket, reader))
    socket.on("data", (bytes: Buffer) => reader.read(bytes, bytes.length));
}

/** One function for all sockets: of one for each, and of what it closes over, nothing would be in the caches when the next bytes come. */
function socketOnRead(this: Partial<Record<typeof READER, ByteReader>>, length: number): boolean {
  this[READER]?.read(shared, length);
  return true;
}

function useShared(socket: Socket, reader: ByteReader): boolean {
  const symbols = Object.getOwnPropertySymbols(socket);
  const buffer = symbols.find(({ description }) => description === "kBuffer");
  const callback = symbols.find(({ description }) => description === "kBufferCb");
  const handle = fieldOf(socket, "_handle");
  const use = fieldOf(handle, "useUserBuffer");
  if (buffer === undefined || callback === undefined || typeof use !== "function") return false;
  Reflect.set(socket, buffer, shared);
  Reflect.set(socket, callback, socketOnRead);
  Reflect.set(socket, READER, reader);
  Reflect.apply(use, handle, [shared]);
  socket.resume();
  return true;
}
