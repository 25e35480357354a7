/** How one connection sends. */
export interface BatchShape {
  /** Unacknowledged messages per connection at most. A multiple of `batch`. */
  readonly window: number;
  /** Messages per write. */
  readonly batch: number;
  /** UTC ms: no message repeats one before, and event times go on from here; see PublishBatches. */
  readonly eventsFrom?: number;
  /** Topic of every message, instead of the device's own: `#####` stands for the number of a device, of which a connection has `window`. */
  readonly topic?: string;
}

/** How messages arrive: what a broker can do at best depends on how many come at once. */
interface LoadShape extends BatchShape {
  readonly connections: number;
}

export const LOAD_SHAPES = {
  pipelined: { connections: 10, window: 1000, batch: 50 },
  mid: { connections: 500, window: 10, batch: 5 },
  single: { connections: 500, window: 1, batch: 1 },
} as const satisfies Record<string, LoadShape>;

export type ShapeName = keyof typeof LOAD_SHAPES;

export const SHAPE_NAMES = ["pipelined", "mid", "single"] as const satisfies readonly ShapeName[];

/** Who connects: our server knows the token, others take everybody. */
export interface IngestClient {
  readonly id: string;
  readonly token: string;
}
