/** The way to the installation upstream. One caller, one envelope at a time. */
export interface UpstreamLink {
  /**
   * Resolves when the envelope is durable upstream. SINK_UNAVAILABLE when that is not known, with a sentence that says why, without a full
   * stop; nothing of it is lost, and sent again it counts once. When `signal` aborts it rejects, and the connection is let go.
   */
  send(envelope: Buffer, signal: AbortSignal): Promise<void>;
  /** Says goodbye, or lets go when it cannot. Never rejects. */
  close(): Promise<void>;
}
