import { isMillraceError, MillraceError } from "../../core/errors.ts";
import { decodeResponse, encodeRequest, type KafkaApi } from "../../wire/kafka/kafka-api.ts";
import type { BrokerAddress, KafkaClient, KafkaConnection } from "./kafka-client.ts";

/** A connection, and how many requests wait for their answers on it. */
interface Line {
  readonly connection: KafkaConnection;
  waiting: number;
  /** True when nothing more is sent on it. */
  isLeft: boolean;
}

/**
 * Calls one broker over a connection of its own, which is made when it is needed, and made again when it was lost or takes no more. One
 * that takes no more is closed when all that waits on it is answered.
 */
export class KafkaBrokerLink {
  readonly address: BrokerAddress;
  private readonly client: KafkaClient;
  private line: Promise<Line> | null = null;
  private readonly open = new Set<Line>();
  private closed = false;

  constructor(client: KafkaClient, address: BrokerAddress) {
    this.client = client;
    this.address = address;
  }

  /** LOG_LOST, LOG_IO or CONFIG_INVALID as KafkaClient and KafkaConnection have them; LOG_CLOSED after `close`. */
  async call<Request, Response>(api: KafkaApi<Request, Response>, request: Request): Promise<Response> {
    const body = encodeRequest(api, request);
    const line = await this.take();
    try {
      const answer = await line.connection.send({ apiKey: api.key, apiVersion: api.version, body });
      return decodeResponse(api, answer);
    } finally {
      line.waiting -= 1;
      this.closeUnused(line);
    }
  }

  close(): void {
    this.closed = true;
    for (const { connection } of this.open) connection.close();
    this.open.clear();
    this.line = null;
  }

  /** The connection, with a request more on it. */
  private async take(): Promise<Line> {
    if (this.closed) throw new MillraceError("LOG_CLOSED", "the connection to Kafka is closed");
    const known = this.line;
    if (known !== null) {
      const line = await known;
      if (!line.connection.isOpen) {
        line.isLeft = true;
        this.closeUnused(line);
        if (this.line === known) this.line = null;
      }
    }
    this.line ??= this.connect();
    const line = await this.line;
    line.waiting += 1;
    return line;
  }

  private closeUnused(line: Line): void {
    if (!line.isLeft || line.waiting > 0) return;
    this.open.delete(line);
    line.connection.close();
  }

  private async connect(): Promise<Line> {
    try {
      const connection = await this.client.connect(this.address);
      const line = { connection, waiting: 0, isLeft: false };
      if (this.closed) connection.close();
      else this.open.add(line);
      return line;
    } catch (error) {
      this.line = null;
      throw error;
    }
  }
}

/** True when the broker could not be asked or did not answer: another one, or the same one later, may. */
export function isLost(error: unknown): boolean {
  return isMillraceError(error, "LOG_LOST") || isMillraceError(error, "LOG_IO");
}
