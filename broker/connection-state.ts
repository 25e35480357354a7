/**
 * - `greeting`: waiting for CONNECT;
 * - `joining`: CONNECT is being authenticated;
 * - `open`: packets pass;
 * - `holding`: the log refused a message: nothing is read until the connection is closed;
 * - `closed`: ended, though the socket may still be flushing.
 */
export type ConnectionState = "greeting" | "joining" | "open" | "holding" | "closed";
