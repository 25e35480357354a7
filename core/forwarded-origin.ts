/**
 * Where a message lies in the log of the installation that received it first and forwarded it, and when it was received there. The text of
 * the `fwd` header: `installation generation partition offset received`, blank separated.
 */
export interface ForwardedOrigin {
  /** As `installationId` makes it: hexadecimal digits. */
  readonly installation: string;
  /** Of that installation's log. */
  readonly generation: number;
  readonly partition: number;
  readonly offset: number;
  /** Receive time at the first installation, UTC ms: the event time of what has none of its own. */
  readonly received: number;
}

const TEXT = /^([0-9a-f]{1,64}) (\d{1,16}) (\d{1,16}) (\d{1,16}) (\d{1,16})$/;

export function formatForwardedOrigin(origin: ForwardedOrigin): string {
  const { installation, generation, partition, offset, received } = origin;
  return `${installation} ${generation} ${partition} ${offset} ${received}`;
}

/** Null when the text is none. */
export function parseForwardedOrigin(text: string): ForwardedOrigin | null {
  const [, installation = "", ...digits] = TEXT.exec(text) ?? [];
  const numbers = digits.map(Number);
  if (numbers.length === 0 || !numbers.every(Number.isSafeInteger)) return null;
  const [generation = 0, partition = 0, offset = 0, received = 0] = numbers;
  return { installation, generation, partition, offset, received };
}
