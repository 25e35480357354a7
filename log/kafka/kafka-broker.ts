import { isMillraceError, MillraceError } from "../../core/errors.ts";
import { decodeResponse, encodeRequest, type KafkaApi } from "../../wire/kafka/kafka-api.ts";
import type { BrokerAddress, KafkaClient, KafkaConnection } from "./kafka-client.ts";

/** Calls one broker over a connection of its own, which is made when it is needed and made again when it was lost. */
export class KafkaBrokerLink {
  readonly address: BrokerAddress;
  private readonly client: KafkaClient;
  private connection: Promise<KafkaConnection> | null = null;
  private closed = false;

  constructor(client: KafkaClient, address: BrokerAddress) {
    this.client = client;
    this.address = address;
  }

  /** LOG_LOST, LOG_IO or CONFIG_INVALID as KafkaClient and KafkaConnection have them; LOG_CLOSED after `close`. */
  async call<Request, Response>(api: KafkaApi<Request, Response>, request: Request): Promise<Response> {
    const body = encodeRequest(api, request);
    const connection = await this.open();
    return decodeResponse(api, await connection.send({ apiKey: api.key, apiVersion: api.version, body }));
  }

  close(): void {
    this.closed = true;
    this.connection?.then(
      (connection) => connection.close(),
      () => undefined,
    );
    this.connection = null;
  }

  private async open(): Promise<KafkaConnection> {
    if (this.closed) throw new MillraceError("LOG_CLOSED", "the connection to Kafka is closed");
    const known = this.connection;
    if (known !== null) {
      const connection = await known;
      if (connection.isOpen) return connection;
      // Not only after a failure: one that signs in again is left too.
      connection.close();
      if (this.connection === known) this.connection = null;
    }
    this.connection ??= this.connect();
    return this.connection;
  }

  private async connect(): Promise<KafkaConnection> {
    try {
      const connection = await this.client.connect(this.address);
      if (this.closed) connection.close();
      return connection;
    } catch (error) {
      this.connection = null;
      throw error;
    }
  }
}

/** True when the broker could not be asked or did not answer: another one, or the same one later, may. */
export function isLost(error: unknown): boolean {
  return isMillraceError(error, "LOG_LOST") || isMillraceError(error, "LOG_IO");
}
