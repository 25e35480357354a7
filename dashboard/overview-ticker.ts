import { errorText } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Overview } from "../core/overview.ts";
import type { HubLimits } from "./hub-limits.ts";
import type { HubPaces } from "./hub-paces.ts";
import type { LiveFeed } from "./live-feed.ts";
import type { OverviewMessage, ThroughputMessage, ThroughputPoint } from "./live-protocol.ts";
import type { Watcher } from "./watchers.ts";

export interface OverviewTickerOptions extends Pick<HubLimits, "throughputPointsMax">, Pick<HubPaces, "overviewMs"> {
  overview(): Promise<Overview>;
  readonly feed: LiveFeed;
  readonly logger: Logger;
}

export interface OverviewTicker {
  start(): void;
  stop(): void;
  /** Puts the last overview, the fleet and the throughput so far before a browser that begins to watch. */
  greet(watcher: Watcher): void;
}

/** Asks for the overview every second, remembers the throughput, and sends one text to all who watch. */
export function createOverviewTicker(options: OverviewTickerOptions): OverviewTicker {
  const { overview, feed, logger, throughputPointsMax, overviewMs } = options;
  const throughput: ThroughputPoint[] = [];
  let frame: string | null = null;
  let timer: NodeJS.Timeout | null = null;
  let stopped = false;

  function remember(now: Overview): void {
    const lag = now.hops.reduce((sum, hop) => sum + hop.lag, 0);
    throughput.push([now.at, now.hops[0]?.ratePerSecond ?? 0, lag]);
    if (throughput.length > throughputPointsMax) throughput.shift();
    const message: OverviewMessage = { type: "overview", overview: now };
    frame = JSON.stringify(message);
  }

  function broadcast(): void {
    if (frame === null) return;
    const fleetFrames = new Map<string, string>();
    for (const watcher of feed.watchers.overview) {
      const fleet = fleetFrames.get(watcher.tenant) ?? JSON.stringify(feed.fleet(watcher.tenant));
      fleetFrames.set(watcher.tenant, fleet);
      watcher.pending.putNewest("overview", frame);
      watcher.pending.putNewest("fleet", fleet);
      watcher.schedule();
    }
  }

  async function tick(): Promise<void> {
    try {
      remember(await overview());
      broadcast();
    } catch (error) {
      // The browsers see the overview's time stand still and say so.
      logger.warn({ err: errorText(error) }, "The overview is not available.");
    }
    if (!stopped) timer = setTimeout(() => void tick(), overviewMs).unref();
  }

  return {
    start: () => void tick(),
    stop() {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
    },
    greet(watcher) {
      const history: ThroughputMessage = { type: "throughput", points: throughput };
      watcher.pending.putNewest("throughput", JSON.stringify(history));
      if (frame !== null) watcher.pending.putNewest("overview", frame);
      watcher.pending.putNewest("fleet", JSON.stringify(feed.fleet(watcher.tenant)));
    },
  };
}
