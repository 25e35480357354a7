export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

export interface KafkaTls {
  /** PEM. Without it the certificates that Node trusts are. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export type KafkaSasl =
  | {
      readonly mechanism: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";
      readonly username: string;
      readonly password: string;
    }
  | { readonly mechanism: "OAUTHBEARER"; readonly token: () => Promise<string> };

export interface KafkaClientOptions {
  /** Shown in the broker's request log and quotas. */
  readonly clientId: string;
  readonly tls: KafkaTls | null;
  readonly sasl: KafkaSasl | null;
  readonly connectTimeoutMs: number;
  /** Every request is answered within this, or its connection is given up. */
  readonly requestTimeoutMs: number;
}

export interface RawRequest {
  readonly apiKey: number;
  readonly apiVersion: number;
  /** Behind the client id of the request's header: pieces one after the other, which stay as they are until the answer. */
  readonly body: readonly Uint8Array[];
}

/** A connection to one broker, authenticated. Requests are answered in their order. */
export interface KafkaConnection {
  /**
   * Resolves with what comes behind the answer's correlation id. LOG_IO when the connection is lost or the answer does not come in
   * time: the request may have been carried out, and the connection is of no use any more.
   */
  send(request: RawRequest): Promise<Buffer>;
  /**
   * True while it takes requests: until it is lost or closed, and until its session is about to end (KIP-368). What was sent before is
   * answered then all the same.
   */
  readonly isOpen: boolean;
  close(): void;
}

/**
 * What is used of a Kafka client library: its connections, with TLS, SASL, framing and time-outs. Requests are made in wire/kafka, so
 * that batches go as they are encoded, and both libraries do the same.
 */
export interface KafkaClient {
  /** LOG_LOST when the broker cannot be reached, CONFIG_INVALID when it refuses the credentials or speaks TLS, or does not. */
  connect(address: BrokerAddress): Promise<KafkaConnection>;
}

export type CreateKafkaClient = (options: KafkaClientOptions) => KafkaClient;
