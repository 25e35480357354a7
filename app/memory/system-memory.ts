import { MillraceError } from "../../core/errors.ts";
import type { AddressRange } from "./mapped-files.ts";

/** What the system does with memory that Node does not ask of it. */
export interface SystemMemory {
  /**
   * Lets go pages of a mapped file: they are no longer this process's, stay in the kernel's cache, and come back when they are touched. What a private mapping has
   * changed would be lost: not for those. False when the kernel refuses.
   */
  letGo(range: AddressRange): boolean;
  /** What the C library's allocator has been given back goes back to the system. Nothing where the library cannot do so. */
  trim(): void;
}

/** `MADV_DONTNEED` of madvise(2). */
const DONT_NEED = 4;

/** By the C library, through `koffi`, an optional package. Throws where there is none for this machine. Linux only: elsewhere the advice means something else. */
export async function openSystemMemory(platform: NodeJS.Platform = process.platform): Promise<SystemMemory> {
  if (platform !== "linux") throw new MillraceError("CONFIG_INVALID", `there is no such advice on ${platform}`);
  const koffi = await import("koffi");
  const library = koffi.load(null);
  const madvise = callable(library.func("int madvise(uintptr_t address, size_t length, int advice)"));
  const mallocTrim = glibcOnly(() => callable(library.func("int malloc_trim(size_t pad)")));
  return {
    letGo: ({ start, end }) => madvise(start, end - start, DONT_NEED) === 0,
    trim: () => void mallocTrim?.(0),
  };
}

function callable(found: unknown): (...args: readonly (bigint | number)[]) => unknown {
  if (typeof found !== "function") throw new TypeError("koffi has given no function");
  return (...args) => Reflect.apply(found, undefined, args);
}

function glibcOnly<Found>(find: () => Found): Found | null {
  try {
    return find();
  } catch {
    // musl has no such function, and gives back at once what is large.
    return null;
  }
}
