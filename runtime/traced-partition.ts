import type { SnapshotChunk, Step, UnitBody } from "../core/commit-unit.ts";
import type { Outcomes } from "../core/ledger.ts";
import type { LogRecord } from "../core/record.ts";
import type { Verdict } from "../core/verdict.ts";
import type { StagePartition, UnitDraft } from "../engine/stage-partition.ts";
import type { StageTracing, TracedRecord } from "./stage-tracing.ts";

/** The sampled records of a unit that is under way. */
export interface TracedUnit {
  committed(): void;
}

/** A partition of a stage whose sampled records are traced from outside: it asks each record, and hands everything on. */
export class TracedPartition implements StagePartition {
  readonly #inner: StagePartition;
  readonly #tracing: StageTracing;
  /** Not sealed, or only in part: in the order of their offsets. */
  #open: TracedRecord[] = [];
  #sealed: TracedRecord[] = [];
  #sealedMs = 0;
  #askedOffset = -1;

  constructor(inner: StagePartition, tracing: StageTracing) {
    this.#inner = inner;
    this.#tracing = tracing;
  }

  process(record: LogRecord): boolean {
    if (record.offset !== this.#askedOffset) {
      this.#askedOffset = record.offset;
      const traced = this.#tracing.begin(record);
      if (traced !== null) this.#open.push(traced);
    }
    const traced = this.#open.at(-1);
    if (traced?.offset !== record.offset) return this.#inner.process(record);
    const { deadLetters } = this.#inner;
    const isDone = this.#inner.process(record);
    this.#tracing.processed(traced, this.#inner.deadLetters - deadLetters);
    return isDone;
  }

  seal(): UnitDraft | null {
    const draft = this.#inner.seal();
    if (draft === null || this.#open.length === 0) return draft;
    this.#sealedMs = this.#tracing.now;
    const outputs = this.#tracing.carryOn(draft.outputs, this.#open);
    const { offset } = this.#inner.next;
    this.#sealed.push(...this.#open.filter((traced) => traced.offset < offset));
    this.#open = this.#open.filter((traced) => traced.offset >= offset);
    return { ...draft, outputs };
  }

  /** Those that have been sealed since the last call; null when there are none. To be told when their unit is durable. */
  takeSealed(): TracedUnit | null {
    if (this.#sealed.length === 0) return null;
    const records = this.#sealed;
    const sealedMs = this.#sealedMs;
    this.#sealed = [];
    return { committed: () => this.#tracing.committed(records, sealedMs) };
  }

  takeOutputs(): UnitDraft["outputs"] {
    this.#open = [];
    return this.#inner.takeOutputs();
  }

  condemn(verdict: Verdict): void {
    this.#inner.condemn(verdict);
  }

  stopCanary(id: string): void {
    this.#inner.stopCanary(id);
  }

  skipCorrupt(fromOffset: number, toOffset: number): void {
    this.#inner.skipCorrupt(fromOffset, toOffset);
  }

  snapshotChunks(): Iterable<SnapshotChunk> {
    return this.#inner.snapshotChunks();
  }

  bytesByFunction(): ReadonlyMap<string, number> {
    return this.#inner.bytesByFunction();
  }

  resume(units: readonly UnitBody[]): void {
    this.#inner.resume(units);
  }

  totals(): ReadonlyMap<string, Outcomes> {
    return this.#inner.totals();
  }

  get stoppedCanaries(): readonly string[] {
    return this.#inner.stoppedCanaries;
  }

  get pendingRecords(): number {
    return this.#inner.pendingRecords;
  }

  get pendingBytes(): number {
    return this.#inner.pendingBytes;
  }

  get next(): Step {
    return this.#inner.next;
  }

  get nextTimer(): number | null {
    return this.#inner.nextTimer;
  }

  get isSealed(): boolean {
    return this.#inner.isSealed;
  }

  get bytes(): number {
    return this.#inner.bytes;
  }

  get deadLetters(): number {
    return this.#inner.deadLetters;
  }
}
