/** How often the hub does what it does. Tests pass shorter times. */
export interface HubPaces {
  /** At most one flush per client in this time; the first update after a pause goes at once. */
  readonly flushMs: number;
  /** The same for a client that watches one device only: little to send, and somebody who looks closely. */
  readonly deviceFlushMs: number;
  readonly pingMs: number;
  /** A session is asked for again this often, so that a sign-out ends the connection. */
  readonly reauthenticateMs: number;
  readonly overviewMs: number;
}

export const HUB_PACES: HubPaces = {
  flushMs: 100,
  deviceFlushMs: 10,
  pingMs: 30_000,
  reauthenticateMs: 60_000,
  overviewMs: 1000,
};
