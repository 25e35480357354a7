import { LIMITS } from "../core/limits.ts";
import { HEADER } from "../core/record.ts";
import { parseJson } from "../core/parse-json.ts";
import type { EventLog, LogReader } from "../core/event-log.ts";
import type { LogRecord } from "../core/record.ts";
import type { StageDefinition } from "../core/stage.ts";

/** How far a partition was worked. */
interface Worked {
  readonly partition: number;
  readonly state: { readonly next: { readonly offset: number } };
}

/**
 * Looks ahead of a stage that is paused for a deploy, a rollback or an undeploy: it is what repairs the stage, and lies behind the records
 * that pause it. Reads only, each record once, and decides nothing about results.
 */
export class DeployLookout {
  private readonly log: Pick<EventLog, "openReader">;
  private readonly stage: Pick<StageDefinition, "name" | "input">;
  private reader: LogReader | null = null;
  /** Where the reader is, by partition. */
  private readAt = new Map<number, number>();
  /** The last deploy that was seen, by partition. Kept when it was passed: a restore may lead back before it. */
  private readonly deploys = new Map<number, number>();

  constructor(log: Pick<EventLog, "openReader">, stage: Pick<StageDefinition, "name" | "input">) {
    this.log = log;
    this.stage = stage;
  }

  /** True while a deploy that was seen is still to be worked. */
  isAhead(owned: Iterable<Worked>): boolean {
    if (this.deploys.size === 0) return false;
    for (const { partition, state } of owned) if (state.next.offset <= (this.deploys.get(partition) ?? -1)) return true;
    return false;
  }

  /** Looks at what comes next, and waits for it when there is nothing. */
  async look(owned: Iterable<Worked>, waitMs: number, signal: AbortSignal): Promise<void> {
    this.reader ??= this.log.openReader([]);
    this.follow(this.reader, owned);
    for (const slice of await this.reader.poll({ bytesMax: LIMITS.fetchBytesMax, waitMs, signal })) {
      this.readAt.set(slice.partition, slice.nextOffset);
      const deploy = slice.records.findLast((record) => this.isOwnDeploy(record));
      if (deploy !== undefined) this.deploys.set(slice.partition, deploy.offset);
    }
  }

  /** Other stages read the same topic. */
  private isOwnDeploy(record: LogRecord): boolean {
    if (record.header(HEADER.controlKind) !== "deploy") return false;
    const control = parseJson(record.value);
    return typeof control === "object" && control !== null && "stage" in control && control.stage === this.stage.name;
  }

  close(): void {
    this.reader?.close();
  }

  private follow(reader: LogReader, owned: Iterable<Worked>): void {
    const next = new Map<number, number>();
    for (const { partition, state } of owned)
      next.set(partition, Math.max(state.next.offset, this.readAt.get(partition) ?? 0));
    const isThere =
      next.size === this.readAt.size && [...next].every(([partition, offset]) => this.readAt.get(partition) === offset);
    this.readAt = next;
    const { input: topic } = this.stage;
    if (!isThere) reader.seek(Array.from(next, ([partition, offset]) => ({ topic, partition, offset })));
  }
}
