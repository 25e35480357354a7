import { Connection, Writer } from "@platformatic/kafka";
import { errorText, MillraceError } from "../../core/errors.ts";
import { connectFailure } from "./connect-failure.ts";
import type { ConnectionOptions, Reader } from "@platformatic/kafka";
import type { BrokerAddress, KafkaClient, KafkaClientOptions, KafkaConnection, RawRequest } from "./kafka-client.ts";

/** Connections of `@platformatic/kafka`: its public `Connection`, which sends requests that are made elsewhere. */
export function createPlatformaticClient(options: KafkaClientOptions): KafkaClient {
  return {
    async connect(address) {
      const connection = new Connection(options.clientId, connectionOptions(options));
      // Whoever waits for an answer is told; without a listener the event would end the process.
      connection.on("error", () => undefined);
      try {
        await connection.connect(address.host, address.port);
      } catch (error) {
        throw connectFailure(address, error, options);
      }
      return new PlatformaticConnection(connection, address);
    },
  };
}

function connectionOptions({ tls, sasl, connectTimeoutMs, requestTimeoutMs }: KafkaClientOptions): ConnectionOptions {
  return {
    connectTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    maxInflights: Number.MAX_SAFE_INTEGER,
    ...(tls === null ? {} : { tls: { ...tls }, tlsServerName: true }),
    ...(sasl === null ? {} : { sasl }),
  };
}

class PlatformaticConnection implements KafkaConnection {
  private readonly connection: Connection;
  private readonly address: BrokerAddress;

  constructor(connection: Connection, address: BrokerAddress) {
    this.connection = connection;
    this.address = address;
  }

  get isOpen(): boolean {
    return this.connection.isConnected();
  }

  send({ apiKey, apiVersion, body }: RawRequest): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.connection.send<Buffer>(
        apiKey,
        apiVersion,
        () => Writer.create().append(body),
        restOf,
        // Tagged fields of the headers are in our bytes.
        false,
        false,
        (error, rest) => {
          if (error === null && rest !== undefined) resolve(rest);
          else reject(this.lost(error));
        },
      );
    });
  }

  close(): void {
    // Closing tells of its own failure only that the connection is closed.
    this.connection.close(() => undefined);
  }

  private lost(error: unknown): MillraceError {
    const { host, port } = this.address;
    return new MillraceError("LOG_IO", `the Kafka broker ${host}:${port} did not answer: ${errorText(error)}`, {
      cause: error,
    });
  }
}

function restOf(_correlationId: number, _apiKey: number, _apiVersion: number, reader: Reader): Buffer {
  return reader.buffer.slice(reader.position);
}
