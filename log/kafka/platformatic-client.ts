import { isIP } from "node:net";
import { Connection, Writer } from "@platformatic/kafka";
import { connectFailure, requestFailure, tokenRefused } from "./connect-failure.ts";
import type { CallbackWithPromise, ConnectionOptions, Reader } from "@platformatic/kafka";
import type { MillraceError } from "../../core/errors.ts";
import type { BrokerAddress, KafkaClient, KafkaClientOptions, KafkaConnection, RawRequest } from "./kafka-client.ts";

/** Connections of `@platformatic/kafka`: its public `Connection`, which sends requests that are made elsewhere. */
export function createPlatformaticClient(options: KafkaClientOptions): KafkaClient {
  return {
    async connect(address) {
      const connection = new Connection(options.clientId, connectionOptions(options, address));
      let failure: unknown = null;
      // Without a listener the event would end the process. What it says is not said to who waits for an answer.
      connection.on("error", (error: unknown) => (failure = error));
      try {
        await connection.connect(address.host, address.port);
      } catch (error) {
        throw connectFailure(address, error, options);
      }
      return new PlatformaticConnection(connection, (error) => {
        const sent = connectFailure(address, failure ?? error, options);
        return sent.code === "CONFIG_INVALID" ? sent : requestFailure(address, failure ?? error);
      });
    },
  };
}

function connectionOptions(options: KafkaClientOptions, { host }: BrokerAddress): ConnectionOptions {
  const { tls, sasl, connectTimeoutMs, requestTimeoutMs } = options;
  return {
    connectTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    maxInflights: Number.MAX_SAFE_INTEGER,
    // An address is no server name (RFC 6066, section 3).
    ...(tls === null ? {} : { tls: { ...tls }, tlsServerName: isIP(host) === 0 }),
    ...(sasl === null
      ? {}
      : { sasl: { ...sasl, ...(sasl.mechanism === "OAUTHBEARER" ? { authBytesValidator } : {}) } }),
  };
}

/** Kafka answers a token that it refuses with the reason, as if all were well (RFC 7628, section 3.2.3). */
function authBytesValidator(reason: Buffer, callback: CallbackWithPromise<Buffer>): void {
  if (reason.length === 0) callback(null, reason);
  else callback(tokenRefused(reason), reason);
}

class PlatformaticConnection implements KafkaConnection {
  private readonly connection: Connection;
  private readonly failureOf: (error: unknown) => MillraceError;

  constructor(connection: Connection, failureOf: (error: unknown) => MillraceError) {
    this.connection = connection;
    this.failureOf = failureOf;
  }

  get isOpen(): boolean {
    return this.connection.isConnected();
  }

  send({ apiKey, apiVersion, body }: RawRequest): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.connection.send<Buffer>(
        apiKey,
        apiVersion,
        () => written(body),
        restOf,
        // Tagged fields of the headers are in our bytes.
        false,
        false,
        (error, rest) => {
          if (error === null && rest !== undefined) resolve(rest);
          else reject(this.failureOf(error));
        },
      );
    });
  }

  close(): void {
    // Closing tells of its own failure only that the connection is closed.
    this.connection.close(() => undefined);
  }
}

function written(body: readonly Uint8Array[]): Writer {
  const writer = Writer.create();
  for (const piece of body) writer.append(Buffer.from(piece.buffer, piece.byteOffset, piece.length));
  return writer;
}

function restOf(_correlationId: number, _apiKey: number, _apiVersion: number, reader: Reader): Buffer {
  return reader.buffer.slice(reader.position);
}
