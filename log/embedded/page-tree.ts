import { readSync } from "node:fs";
import { LIMITS } from "../../core/limits.ts";

/** `MDB_page` and `MDB_node` of lmdb-js's data format 2. Positions of nodes are counted from behind the page's header. */
const PAGE = { number: 0, flags: 18, lower: 20, upper: 22, header: 24 } as const;
const BRANCH = 0x01;
const LEAF = 0x02;
const NODE = { low: 0, high: 2, flags: 4, keyBytes: 6, header: 8 } as const;
const BIG_DATA = 0x01;
const SUB_TREE = 0x02;
/** Of what a leaf holds in place of data on pages of its own: `MDB_ovpage`; and in place of a tree's: `MDB_db`, its root at 40. */
const BIG_DATA_BYTES = 24;
const SUB_TREE_BYTES = 48;
const SUB_TREE_ROOT = 40;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
const NOTHING = -1;

export interface PageFile {
  readonly descriptor: number;
  readonly pageBytes: number;
  readonly lastPage: number;
}

/**
 * The first page of the trees with these roots that LMDB could not walk over, null when there is none among the first `checkedPagesMax`, or those that were read in
 * `checkedPagesMsMax`.
 * LMDB believes what stands in a page, and leaves the file's mapping, and with it this process, over a number that is wrong. Pages
 * that hold nothing but data are not looked at: records and journal entries have checksums of their own.
 */
export function damagedTreePage(file: PageFile, roots: readonly bigint[]): number | null {
  const page = Buffer.alloc(file.pageBytes);
  const due = roots.filter((root) => root !== NO_PAGE).map(Number);
  const endsAt = performance.now() + LIMITS.checkedPagesMsMax;
  for (let seen = 0; seen < LIMITS.checkedPagesMax && performance.now() < endsAt; seen += 1) {
    const number = due[seen];
    if (number === undefined) return null;
    if (number < 2 || number > file.lastPage) return number;
    readSync(file.descriptor, page, 0, file.pageBytes, number * file.pageBytes);
    const below = pagesBelow(page, number, file.lastPage);
    if (below === null) return number;
    for (const one of below) due.push(one);
  }
  return null;
}

/** Null when the page is not what it should be. */
function pagesBelow(page: Buffer, number: number, lastPage: number): readonly number[] | null {
  const flags = page.readUInt16LE(PAGE.flags);
  const lower = page.readUInt16LE(PAGE.lower);
  const upper = page.readUInt16LE(PAGE.upper);
  const room = page.length - PAGE.header;
  if (page.readBigUInt64LE(PAGE.number) !== BigInt(number) || (flags !== BRANCH && flags !== LEAF)) return null;
  if (lower % 2 !== 0 || lower > upper || upper > room) return null;
  const below: number[] = [];
  for (let at = PAGE.header; at < PAGE.header + lower; at += 2) {
    const place = page.readUInt16LE(at);
    if (place < upper || place + NODE.header > room) return null;
    const found = flags === BRANCH ? childOf(page, place) : treeIn(page, place, lastPage);
    if (found === null) return null;
    if (found !== NOTHING) below.push(found);
  }
  return below;
}

/** A branch's node: its key and the number of a page. */
function childOf(page: Buffer, place: number): number | null {
  const node = PAGE.header + place;
  if (node + NODE.header + page.readUInt16LE(node + NODE.keyBytes) > page.length) return null;
  return page.readUInt32LE(node + NODE.low) + page.readUInt16LE(node + NODE.flags) * 2 ** 32;
}

/** The root in a leaf's node, NOTHING where it holds data. Null when it does not lie within its page. */
function treeIn(page: Buffer, place: number, lastPage: number): number | null {
  const node = PAGE.header + place;
  const flags = page.readUInt16LE(node + NODE.flags);
  const length = page.readUInt32LE(node + NODE.low);
  const data = node + NODE.header + page.readUInt16LE(node + NODE.keyBytes);
  const inPage = (flags & BIG_DATA) !== 0 ? BIG_DATA_BYTES : length;
  if (flags > (BIG_DATA | SUB_TREE) || data + inPage > page.length) return null;
  if ((flags & BIG_DATA) !== 0) {
    const first = page.readBigUInt64LE(data);
    return first >= 2n && first + BigInt(Math.floor(length / page.length)) <= BigInt(lastPage) ? NOTHING : null;
  }
  if ((flags & SUB_TREE) === 0) return NOTHING;
  const root = length === SUB_TREE_BYTES ? page.readBigUInt64LE(data + SUB_TREE_ROOT) : 0n;
  if (root === NO_PAGE) return NOTHING;
  return root <= BigInt(lastPage) ? Number(root) : null;
}
