/** A stretch of addresses of this process, both at the start of a page. */
export interface AddressRange {
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * Where files are mapped whose path `isWanted`, by the text of /proc/PID/maps (proc_pid_maps(5)). Only what is shared: there the file, in the
 * kernel's cache, has all that was written, and a page that is let go comes back as it was. What a private mapping has changed would be lost.
 */
export function sharedMappings(maps: string, isWanted: (path: string) => boolean): readonly AddressRange[] {
  return maps.split("\n").flatMap((line) => {
    const [, start, end, path] = SHARED_FILE.exec(line) ?? [];
    if (start === undefined || end === undefined || path === undefined || !isWanted(unescaped(path))) return [];
    return [{ start: BigInt(`0x${start}`), end: BigInt(`0x${end}`) }];
  });
}

/** Addresses, rights with `s` for shared, offset, device, a file's number that is not 0, and its path. */
const SHARED_FILE = /^([0-9a-f]+)-([0-9a-f]+) [r-][w-][x-]s [0-9a-f]+ \S+ [1-9]\d*\s+(\/.*)$/;

/** A line feed in a path is written as octal digits. */
function unescaped(path: string): string {
  return path.replaceAll("\\012", "\n");
}

/**
 * Where programs and libraries are mapped, by the text of /proc/PID/smaps: private mappings of files that nobody may write to and in which nothing was changed.
 * What the loader has changed (addresses that it resolved) is left out, since it is nowhere else.
 */
export function programMappings(smaps: string): readonly AddressRange[] {
  return smaps.split(MAPPING_BEGINS).flatMap((mapping) => {
    const [, start, end] = PROGRAM_FILE.exec(mapping) ?? [];
    if (start === undefined || end === undefined || !UNCHANGED.every((line) => line.test(mapping))) return [];
    return [{ start: BigInt(`0x${start}`), end: BigInt(`0x${end}`) }];
  });
}

const MAPPING_BEGINS = /^(?=[0-9a-f]+-[0-9a-f]+ )/m;
const PROGRAM_FILE = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p [0-9a-f]+ \S+ [1-9]\d*\s+\/.*\n/;
/** Swapped pages are changed ones too, that were put away. */
const UNCHANGED = [/^Anonymous:\s+0 kB$/m, /^Swap:\s+0 kB$/m];
