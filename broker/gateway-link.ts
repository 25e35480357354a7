/** What subscribers get of a message. */
export interface RoutedMessage {
  readonly qos: 0 | 1 | 2;
  readonly payload: Uint8Array;
  /** Its topic is to retain it (3.3.1.3). Other gateways are not told: who has acknowledged it keeps it. */
  readonly retain?: boolean;
}

/** What a gateway does when another one asks for it. */
export interface LinkedEdge {
  /** A message that another gateway has acknowledged: to the subscribers here, and to nobody else. Its `topic` is the canonical one. */
  deliver(topic: string, message: RoutedMessage): void;
  /** The client (`tenant/device/client id`) is connected elsewhere now: ends it here; resolves when the log has answered for its messages. */
  takeOver(client: string): Promise<void>;
}

/** Something that other gateways are told of. */
export interface Announcement {
  /** Resolves when they have heard, or cannot, or took too long. Null when nobody is to be waited for. Never rejects. */
  readonly heard: Promise<void> | null;
  /** It is over. Called once. */
  end(): void;
}

/**
 * The other gateways of an installation, as the broker sees them. Nothing here holds up an acknowledgement, and nothing throws: who
 * cannot be reached now is told later, and messages for subscribers there are lost and counted, for there are no sessions that keep them.
 */
export interface GatewayLink {
  /** Resolves when the others know of this gateway, or cannot be reached for now. CONFIG_INVALID when they never will be. */
  start(edge: LinkedEdge): Promise<void>;
  stop(signal: AbortSignal): Promise<void>;
  /** True when another gateway asks for messages of this device (`tenant/device`). */
  isAsked(key: string): boolean;
  /** A message of this device (`tenant/device`) that was acknowledged here. In order of acknowledgement. */
  forward(key: string, topic: string, message: RoutedMessage): void;
  /** Somebody here subscribes to topics of this device (`tenant/device`). One announcement per device at a time. */
  ask(key: string): Announcement;
  /**
   * The client (`tenant/device/client id`) has connected here: `heard` when no other gateway serves it any more. Of claims at the same
   * time the same one wins everywhere.
   */
  claim(client: string): Announcement;
}

const NOTHING: Announcement = { heard: null, end: () => undefined };

/** For a gateway that is the only one. */
export const NO_OTHER_GATEWAYS: GatewayLink = {
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  isAsked: () => false,
  forward: () => undefined,
  ask: () => NOTHING,
  claim: () => NOTHING,
};
