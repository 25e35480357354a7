const KIB = 1024;
const SECOND = 1000;

/** The ceilings of what an edge installation forwards: a part of `LIMITS`. */
export const FORWARD_LIMITS = {
  // forwarding to another installation
  /**
   * Messages of one device that are sent upstream before the position behind them is kept: as many come again after a crash, and with two
   * entries each the upstream's dedupeEntriesPerDevice must hold them.
   */
  forwardedPerDeviceMax: 200,
  /**
   * The same of `millrace relay`, between two commits of its position: what it sends again may be what an edge has sent twice into the topic, and
   * the upstream must remember both.
   */
  relayedPerDeviceMax: 48,
  /** What one poll of the forwarder takes from the log: so much is held in memory while the upstream is away. */
  forwardFetchBytesMax: 512 * KIB,
  /** Messages of one envelope, and their bytes before they are compressed; one message alone may have more. */
  forwardBatchRecordsMax: 1000,
  forwardBatchPlainBytesMax: 96 * KIB,
  /** Of an envelope as it is sent: the payloadBytesMax of the upstream, unless that was set. */
  forwardBatchBytesMax: 128 * KIB,
  /** What an envelope that is taken may expand to. */
  forwardExpandedBytesMax: 1024 * KIB,
  /** Of one message in it: what an edge can be set to take (payloadBytesMax). */
  forwardPayloadBytesMax: 384 * KIB,
  forwardAdmissionIdCharactersMax: 512,
  /** Between two polls of the forwarder when little comes: envelopes of many messages cost less of a link. */
  forwardLingerMs: 200,
  forwardConnectTimeoutMs: 20 * SECOND,
  /** A PUBACK that takes longer is not waited for. */
  forwardAnswerTimeoutMs: 60 * SECOND,
  /** The longest pause between two probes of an upstream that is away. */
  forwardRetryDelayMsMax: 30 * SECOND,
} as const;
