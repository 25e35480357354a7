import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { aborted } from "../../core/aborted.ts";
import { MillraceError } from "../../core/errors.ts";
import type { ReportFault } from "../../core/fault.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Logger } from "../../core/logger.ts";
import type { Metrics } from "../../core/metrics.ts";
import { encodeMessage } from "../session/session-values.ts";
import { sessionStoreMetrics, type SessionStoreMetrics } from "../session/session-store-metrics.ts";
import type {
  KeptSession,
  QueuedDelivery,
  QueuedMessage,
  QueueOutcome,
  QueueTarget,
  RetainedMessage,
  SessionStore,
  SessionStoreLimits,
} from "../session/session-store.ts";
import { CommitTurns } from "./commit-turns.ts";
import { SessionDraft } from "./session-draft.ts";
import { commitError, isBroken, openSessionEnvironment, type SessionEnvironment } from "./session-environment.ts";

export interface LmdbSessionStoreOptions {
  /** The data directory. */
  readonly directory: string;
  /** Looks whether the file can be opened, and rejects when it cannot: lmdb-js ends the process over a damaged one. */
  readonly prepareFile: (path: string) => Promise<void>;
  /** Of the opened file: tells whether its path still names it. */
  readonly holdFile: (path: string) => () => boolean;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Told while the file cannot be written: a fault and no reason to be unready, since telemetry does not need it. */
  readonly onFault: ReportFault;
  /** Overrides of ceilings, for tests. */
  readonly limits?: Partial<SessionStoreLimits>;
}

interface Opened {
  readonly environment: SessionEnvironment;
  readonly draft: SessionDraft;
}

/** lmdb-js may wait for ever for a transaction that LMDB refused. */
const CLOSE_MS = 1000;

/** After a failed write none is tried for this long: a disk does not empty within a millisecond, and lmdb-js breaks over many that fail. */
const RETRY_AFTER_MS = 1000;

/** How often an idle store looks whether its file is still there. */
const LOOK_MS = 1000;

/**
 * Sessions in a file of their own, for a gateway without others. Each call is synced to the disk before it is answered. Once the file is
 * deleted or replaced every call is refused until the next start: what is written would vanish with the process.
 */
export class LmdbSessionStore implements SessionStore {
  readonly #path: string;
  readonly #prepareFile: (path: string) => Promise<void>;
  readonly #holdFile: (path: string) => () => boolean;
  readonly #logger: Logger;
  readonly #onFault: ReportFault;
  readonly #limits: SessionStoreLimits;
  readonly #meters: SessionStoreMetrics;
  readonly #turns = new CommitTurns((run) => this.#commit(run));
  #opened: Opened | null = null;
  #failing = false;
  #lastFailure: MillraceError | null = null;
  #retryAt = 0;
  #isHeld = (): boolean => true;
  #loss: MillraceError | null = null;
  #looking: NodeJS.Timeout | undefined;

  constructor(options: LmdbSessionStoreOptions) {
    this.#path = join(options.directory, "sessions.mdb");
    this.#prepareFile = options.prepareFile;
    this.#holdFile = options.holdFile;
    this.#logger = options.logger;
    this.#onFault = options.onFault;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#meters = sessionStoreMetrics(options.metrics);
  }

  /** Errors: DATA_DIRECTORY_UNWRITABLE, DATA_FORMAT_UNSUPPORTED, SESSION_STORE_IO, those of `prepareFile`. */
  async start(): Promise<void> {
    await this.#prepareFile(this.#path);
    await this.#open();
    this.#looking = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  /** Nobody else changes what is kept here: `watch` is never told anything. */
  load(): Promise<readonly KeptSession[]> {
    try {
      const sessions = this.#draft.load();
      this.#report(this.#draft);
      return Promise.resolve(sessions);
    } catch (error) {
      return commitError(this.#path, error).then((reason) => Promise.reject(reason));
    }
  }

  async stop(signal: AbortSignal): Promise<void> {
    clearInterval(this.#looking);
    const reason = new MillraceError("SESSION_STORE_IO", "the store of the sessions is closed");
    await Promise.race([this.#turns.close(reason), aborted(signal)]);
    this.#turns.abandon(reason);
    await this.#close();
  }

  find(client: string): Promise<KeptSession | null> {
    return this.#turns.call(() => this.#draft.find(client));
  }

  put(session: KeptSession): Promise<void> {
    return this.#turns.call(() => this.#draft.put(session));
  }

  remove(client: string): Promise<void> {
    return this.#turns.call(() => this.#draft.remove(client));
  }

  enqueue(message: QueuedMessage, targets: readonly QueueTarget[]): Promise<QueueOutcome> {
    // The caller may use the bytes again.
    const value = encodeMessage(message);
    return this.#turns.call(() => this.#draft.enqueue(value, targets));
  }

  queued(client: string, after: number, count: number): Promise<readonly QueuedDelivery[]> {
    return this.#turns.call(() => this.#draft.queued(client, after, count));
  }

  settle(client: string, sequence: number): Promise<void> {
    return this.#turns.call(() => this.#draft.settle(client, sequence));
  }

  release(client: string, sequence: number): Promise<void> {
    return this.#turns.call(() => this.#draft.release(client, sequence));
  }

  received(client: string): Promise<ReadonlyMap<number, string>> {
    return this.#turns.call(() => this.#draft.received(client));
  }

  receive(client: string, packetId: number, admissionId: string): Promise<void> {
    return this.#turns.call(() => this.#draft.receive(client, packetId, admissionId));
  }

  complete(client: string, packetId: number): Promise<void> {
    return this.#turns.call(() => this.#draft.receive(client, packetId, null));
  }

  retain(message: RetainedMessage): Promise<boolean> {
    const own = { ...message, payload: Uint8Array.from(message.payload) };
    return this.#turns.call(() => this.#draft.retain(own));
  }

  retained(prefix: string): Promise<readonly RetainedMessage[]> {
    return this.#turns.call(() => this.#draft.retained(prefix));
  }

  get #draft(): SessionDraft {
    if (this.#opened === null) throw new MillraceError("SESSION_STORE_IO", `${this.#path} is not open`);
    return this.#opened.draft;
  }

  async #open(): Promise<Opened> {
    const { sessionStoreBytesMax, retainedMessagesMax } = this.#limits;
    const bytesMax = sessionStoreBytesMax + retainedMessagesMax * LIMITS.payloadBytesMax;
    const environment = await openSessionEnvironment(this.#path, bytesMax);
    this.#isHeld = this.#holdFile(this.#path);
    this.#opened = { environment, draft: new SessionDraft(environment, this.#limits) };
    return this.#opened;
  }

  /** Nothing that the calls did is kept when it fails. */
  async #commit(run: () => void): Promise<MillraceError | null> {
    const loss = this.#look();
    if (loss !== null) return loss;
    try {
      const { environment, draft } = this.#opened ?? (await this.#reopen());
      run();
      const { changed } = draft;
      if (changed && this.#lastFailure !== null && performance.now() < this.#retryAt) {
        draft.failed();
        this.#meters.failed();
        return this.#lastFailure;
      }
      if (changed) await environment.queues.batch(() => draft.write());
      draft.landed();
      this.#report(draft);
      // What was only read says nothing of the disk.
      if (changed && this.#failing) this.#noteRecovery();
      return null;
    } catch (error) {
      return await this.#noteFailure(error);
    }
  }

  async #noteFailure(error: unknown): Promise<MillraceError> {
    this.#opened?.draft.failed();
    const failure = await commitError(this.#path, error);
    this.#noteFault(failure);
    this.#lastFailure = failure;
    this.#retryAt = performance.now() + RETRY_AFTER_MS;
    if (this.#opened !== null && isBroken(this.#opened.environment)) await this.#close();
    return failure;
  }

  /** Null while the file is where it was. */
  #look(): MillraceError | null {
    if (this.#loss === null && this.#isHeld()) return null;
    const remedy = "stop Millrace, put the file back, and start it again; without it clients begin new sessions";
    const text = `${this.#path} was deleted or replaced while it was in use`;
    const isNew = this.#loss === null;
    this.#loss ??= new MillraceError("SESSION_STORE_IO", text, { remedy });
    if (isNew) this.#noteFault(this.#loss);
    return this.#loss;
  }

  #noteFault({ code, message, remedy }: MillraceError): void {
    this.#meters.failed();
    if (!this.#failing) {
      this.#logger.error({ code }, message);
      this.#onFault(
        "sessions",
        "raised",
        `sessions are not kept: ${message}${remedy === undefined ? "" : `: ${remedy}`}`,
      );
    }
    this.#failing = true;
  }

  #noteRecovery(): void {
    this.#failing = false;
    this.#logger.info({ path: this.#path }, "sessions are written again");
    this.#onFault("sessions", "cleared", "");
  }

  /** After LMDB has given its file up. */
  async #reopen(): Promise<Opened> {
    const opened = await this.#open();
    opened.draft.load();
    return opened;
  }

  async #close(): Promise<void> {
    // What it still says of a file that was given up is of no use.
    const closed = this.#opened?.environment.root.close().catch(() => undefined);
    this.#opened = null;
    await Promise.race([closed, sleep(CLOSE_MS, undefined, { ref: false })]);
  }

  #report(draft: SessionDraft): void {
    this.#meters.kept(draft.totals);
    this.#meters.damaged(draft.damaged);
    draft.damaged = 0;
  }
}
