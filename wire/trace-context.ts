import { HEADER, type LogRecord } from "../core/record.ts";
import type { TraceContext } from "../core/tracing.ts";

/** What a sender says of the trace that its message belongs to. */
export interface IncomingTrace extends TraceContext {
  /** Whether the sender records it. */
  readonly sampled: boolean;
}

/** Version 00 ends with its flags; a later one may go on behind a dash. Version ff is none. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);
const SAMPLED = 0x01;
/** Longer texts are no version that anybody has written down yet. */
const CHARACTERS = 256;

/** Null when the text is no `traceparent` (W3C Trace Context, level 2, 3.2): it is to be ignored then, and a new trace begins. */
export function parseTraceparent(text: string): IncomingTrace | null {
  if (text.length > CHARACTERS) return null;
  const [, version, traceId = NO_TRACE, spanId = NO_SPAN, flags = "", more] = TRACEPARENT.exec(text) ?? [];
  if (traceId === NO_TRACE || spanId === NO_SPAN || (version === "00" && more !== undefined)) return null;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 };
}

/** Of a sampled trace: others are not passed on. */
export function formatTraceparent({ traceId, spanId }: TraceContext): string {
  return `00-${traceId}-${spanId}-01`;
}

/** Where the trace of a record goes on; null when it is not sampled. */
export function traceOf(record: Pick<LogRecord, "header">): TraceContext | null {
  const text = record.header(HEADER.traceparent);
  if (text === undefined) return null;
  const trace = parseTraceparent(text);
  return trace?.sampled === true ? { traceId: trace.traceId, spanId: trace.spanId } : null;
}

/** The trace of a message that came without one: the same in every process, so that whoever knows the admission id finds the trace. */
export function traceIdOf(admissionId: string): string {
  return digits(`trace ${admissionId}`, 4);
}

/** The same whenever the same thing is done for the same record: what is done again after a crash is the same span. */
export function spanIdOf(traceId: string, ...what: readonly (string | number)[]): string {
  return digits(`${traceId} ${what.join(" ")}`, 2);
}

const WHOLE = 2 ** 32;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
/** Where the lanes of an id begin, and what each multiplies with: odd, so that nothing is lost. */
const LANES = [
  [0x9747b28c, 0xcc9e2d51],
  [0x2545f491, 0x239b961b],
  [0x7f4a7c15, 0xab0e9789],
  [0x5bd1e995, 0x38b34ae5],
] as const;

/** Which messages are traced: a share of them, told by their admission ids alone. The same in every process, at every time. */
export class HeadSampler {
  private readonly below: number;
  private readonly prefixHash: number;

  /** `ratio`: 0 to 1. `prefix`: of the admission ids that are given as numbers. */
  constructor(ratio: number, prefix: string) {
    this.below = Math.round(ratio * WHOLE);
    this.prefixHash = fold(FNV_OFFSET, prefix);
  }

  isSampled(admissionId: string): boolean {
    return spread(fold(FNV_OFFSET, admissionId)) < this.below;
  }

  /** As `isSampled` of the prefix and this number, without making that text. */
  isNumberSampled(sequence: number): boolean {
    return spread(fold(this.prefixHash, String(sequence))) < this.below;
  }
}

/** FNV-1a over UTF-16 units. Source: Fowler, Noll, Vo; public domain. */
function fold(hash: number, text: string): number {
  let h = hash;
  for (let index = 0; index < text.length; index += 1) h = Math.imul(h ^ text.charCodeAt(index), FNV_PRIME);
  return h;
}

/** 0 to 2^32 − 1, evenly. Source: the finaliser of MurmurHash3, Austin Appleby, public domain. */
function spread(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Eight hexadecimal digits for each lane, never all 0. */
function digits(text: string, lanes: 2 | 4): string {
  let made = "";
  for (const [seed, multiplier] of LANES.slice(0, lanes)) {
    const hash = spread(mix(seed, multiplier, text) ^ text.length);
    made += hash.toString(16).padStart(8, "0");
  }
  return /[^0]/.test(made) ? made : `${made.slice(0, -1)}1`;
}

/** The steps of MurmurHash3_x86_32 over UTF-16 units. */
function mix(seed: number, multiplier: number, text: string): number {
  let h = seed;
  for (let index = 0; index < text.length; index += 1) {
    const k = Math.imul(text.charCodeAt(index), multiplier);
    h ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593);
    h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
  }
  return h;
}
