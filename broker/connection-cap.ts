import { remoteNetwork } from "./remote-network.ts";

/** How many sockets are open, in all and per network: see `remoteNetwork`. A socket is named by its address and port. */
export interface ConnectionCap {
  /** False when there are too many. */
  enter(address: string, port: number): boolean;
  /** Safe to repeat, and for one that did not enter. */
  leave(address: string, port: number): void;
  readonly size: number;
}

export function createConnectionCap(limits: { readonly max: number; readonly perAddressMax: number }): ConnectionCap {
  const byNetwork = new Map<string, Set<string>>();
  let size = 0;
  return {
    enter(address, port) {
      const network = remoteNetwork(address);
      const sockets = byNetwork.get(network) ?? new Set();
      if (size >= limits.max || sockets.size >= limits.perAddressMax) return false;
      byNetwork.set(network, sockets.add(`${address} ${port}`));
      size++;
      return true;
    },
    leave(address, port) {
      const network = remoteNetwork(address);
      const sockets = byNetwork.get(network);
      if (sockets?.delete(`${address} ${port}`) !== true) return;
      size--;
      if (sockets.size === 0) byNetwork.delete(network);
    },
    get size() {
      return size;
    },
  };
}
