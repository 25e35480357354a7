/** How many sockets are open, in all and per address. A socket is named by its address and port. */
export interface ConnectionCap {
  /** False when there are too many. */
  enter(address: string, port: number): boolean;
  /** Safe to repeat, and for one that did not enter. */
  leave(address: string, port: number): void;
  readonly size: number;
}

export function createConnectionCap(limits: { readonly max: number; readonly perAddressMax: number }): ConnectionCap {
  const byAddress = new Map<string, Set<number>>();
  let size = 0;
  return {
    enter(address, port) {
      const ports = byAddress.get(address) ?? new Set();
      if (size >= limits.max || ports.size >= limits.perAddressMax) return false;
      byAddress.set(address, ports.add(port));
      size++;
      return true;
    },
    leave(address, port) {
      const ports = byAddress.get(address);
      if (ports?.delete(port) !== true) return;
      size--;
      if (ports.size === 0) byAddress.delete(address);
    },
    get size() {
      return size;
    },
  };
}
