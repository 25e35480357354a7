import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../../../core/logger.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { openEmbeddedLog } from "../../../log/embedded/open-embedded-log.ts";
import { eventLogContract } from "./event-log-suite.ts";
import { flipBytes } from "../../support/flip-bytes.ts";
import { LogThreads } from "./worker-log.ts";
import type { EventLog } from "../../../core/event-log.ts";
import type { EmbeddedLog } from "../../../log/embedded/open-embedded-log.ts";
import type { LogHarness, LogSettings, LogUnderTest } from "./log-harness.ts";

const DAY = 86_400_000;

/** `viaWorker`: the tests then use the log through a connection in another thread. */
function embeddedHarness(viaWorker: boolean): LogHarness {
  const threads = viaWorker ? new LogThreads() : null;
  return {
    async open(settings) {
      const directory = await mkdtemp(join(tmpdir(), "millrace-log-"));
      const log = new EmbeddedUnderTest(directory, settings, threads);
      await log.start();
      return log;
    },
  };
}

class EmbeddedUnderTest implements LogUnderTest {
  private readonly directory: string;
  private readonly settings: LogSettings;
  private readonly threads: LogThreads | null;
  private now = Date.UTC(2026, 0, 1);
  private embedded: EmbeddedLog | null = null;
  private connected: (EventLog & { close(): Promise<void> }) | null = null;

  constructor(directory: string, settings: LogSettings, threads: LogThreads | null) {
    this.directory = directory;
    this.settings = settings;
    this.threads = threads;
  }

  get log(): EventLog {
    return this.connected ?? this.gateway;
  }

  get gateway(): EmbeddedLog {
    if (this.embedded === null) throw new Error("the log is not open");
    return this.embedded;
  }

  async start(): Promise<void> {
    this.embedded = await openEmbeddedLog({
      generation: 1,
      bytesMax: 1024 ** 3,
      retentionMs: DAY,
      requiredJournals: [],
      ...this.settings,
      directory: this.directory,
      clock: { now: () => this.now },
      logger: silentLogger,
      metrics: createMetrics(),
    });
    this.connected = this.threads?.open(this.embedded.connect()) ?? null;
  }

  async reopen(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async crash(): Promise<void> {
    // What lies on the disk while the log is open: a copy of it has never been closed.
    const file = join(this.directory, "log.mdb");
    const bytes = await readFile(file);
    await this.stop();
    await writeFile(file, bytes);
    await this.start();
  }

  async damage(value: string): Promise<void> {
    await this.stop();
    await this.damageOpen(value);
    await this.start();
  }

  async damageOpen(value: string): Promise<void> {
    await flipBytes(join(this.directory, "log.mdb"), value);
  }

  passTime(ms: number): void {
    this.now += ms;
  }

  async dispose(): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  private async stop(): Promise<void> {
    await this.connected?.close();
    await this.embedded?.close(AbortSignal.timeout(5000));
    this.connected = null;
    this.embedded = null;
  }
}

eventLogContract("embedded, in the writer's thread", embeddedHarness(false));
eventLogContract("embedded, through a connection in a worker thread", embeddedHarness(true));
