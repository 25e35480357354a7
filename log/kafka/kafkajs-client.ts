import { connect as connectSocket, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import Broker from "kafkajs/src/broker/index.js";
import ConnectionPool from "kafkajs/src/network/connectionPool.js";
import Encoder from "kafkajs/src/protocol/encoder.js";
import { MillraceError } from "../../core/errors.ts";
import { connectFailure, requestFailure, tokenRefused } from "./connect-failure.ts";
import type { AuthenticationContext, KafkaJsConnection, PoolOptions } from "kafkajs/src/network/connectionPool.js";
import type { BrokerAddress, KafkaClient, KafkaClientOptions, KafkaConnection, RawRequest } from "./kafka-client.ts";

/**
 * Connections of `kafkajs`, below its public interface: that has no way to send a batch as it is encoded, and its own producer loses
 * records of a send that spans leaders (tulios/kafkajs; measured with 2.2.4).
 */
export function createKafkajsClient(options: KafkaClientOptions): KafkaClient {
  return {
    async connect(address) {
      const pool = new ConnectionPool(poolOptions(options, address));
      const broker = new Broker({ connectionPool: pool, logger: silent });
      const [connection] = pool.pool;
      if (connection === undefined) throw new MillraceError("LOG_LOST", "kafkajs has no connection to give");
      guardTimer(connection);
      try {
        await broker.connect();
      } catch (error) {
        void broker.disconnect();
        throw connectFailure(address, error, options);
      }
      const sessionMs = connection.sessionLifetime.toNumber();
      const leaveAt = sessionMs === 0 ? Number.POSITIVE_INFINITY : performance.now() + sessionMs * SESSION_SHARE;
      return new KafkajsConnection(connection, address, leaveAt);
    },
  };
}

/** Of a session, as @platformatic/kafka has it: then another connection is made, and this one's answers are waited for. */
const SESSION_SHARE = 0.8;

/**
 * After every answer kafkajs sets a timer that looks for waiting requests, and the timer sets the next: once a millisecond, for ever,
 * 4 % of a core (measured with 2.2.4). Without anything waiting there is nothing to look for.
 */
function guardTimer({ requestQueue }: KafkaJsConnection): void {
  const schedule = requestQueue.scheduleCheckPendingRequests.bind(requestQueue);
  requestQueue.scheduleCheckPendingRequests = () => {
    if (requestQueue.pending.length > 0) schedule();
  };
}

function poolOptions(options: KafkaClientOptions, { host, port }: BrokerAddress): PoolOptions {
  const { clientId, tls, sasl, connectTimeoutMs, requestTimeoutMs } = options;
  return {
    host,
    port,
    clientId,
    ssl: tls,
    sasl: sasl === null ? null : kafkajsSasl(sasl),
    connectionTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    // It would sign in again this long before the session's end, and take the next answer, whosever it is, for the broker's to that.
    reauthenticationThreshold: 0,
    logger: silent,
    socketFactory: openSocket,
  };
}

function kafkajsSasl(sasl: NonNullable<KafkaClientOptions["sasl"]>): object {
  if (sasl.mechanism !== "OAUTHBEARER") return { ...sasl, mechanism: sasl.mechanism.toLowerCase() };
  const authenticationProvider = ({ saslAuthenticate }: AuthenticationContext) => ({
    async authenticate(): Promise<void> {
      const encode = async () => withLength(`n,,\u0001auth=Bearer ${await sasl.token()}\u0001\u0001`);
      const response = { decode: withoutLength, parse: (bytes: Buffer) => Promise.resolve(bytes) };
      const reason = await saslAuthenticate({ request: { encode }, response });
      // The library's own provider does not look: a token that is refused is answered with the reason (RFC 7628, section 3.2.3).
      if (reason.length > 0) throw tokenRefused(reason);
    },
  });
  return { mechanism: "oauthbearer", authenticationProvider };
}

/** What goes through the library's sign-in carries its length, as in Kafka before 1.0. */
function withLength(text: string): Buffer {
  const bytes = Buffer.alloc(4 + Buffer.byteLength(text));
  bytes.writeInt32BE(bytes.length - 4);
  bytes.write(text, 4);
  return bytes;
}

function withoutLength(bytes: Buffer): Promise<Buffer> {
  return Promise.resolve(bytes.subarray(4));
}

/** How a broker that wants TLS answers who speaks none (RFC 8446, section 5.1): no size of a Kafka message begins so. */
const TLS_ALERT = 0x15;
const TLS_MAJOR = 3;

/** The library's own sockets wait for more to send (Nagle), up to 40 ms for every small request. */
function openSocket({ host, port, ssl, onConnect }: Parameters<PoolOptions["socketFactory"]>[0]): Socket {
  const target = { host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl };
  const socket = ssl === null ? connectSocket({ host, port }, onConnect) : connectTls(target, onConnect);
  if (ssl === null) {
    socket.once("data", (first) => {
      if (first[0] === TLS_ALERT && first[1] === TLS_MAJOR) socket.destroy(new Error("Broker requires TLS"));
    });
  }
  return socket.setNoDelay(true);
}

class KafkajsConnection implements KafkaConnection {
  private readonly connection: KafkaJsConnection;
  private readonly address: BrokerAddress;
  private readonly leaveAt: number;

  /** `leaveAt`: by the process's clock, ms. */
  constructor(connection: KafkaJsConnection, address: BrokerAddress, leaveAt: number) {
    this.connection = connection;
    this.address = address;
    this.leaveAt = leaveAt;
  }

  get isOpen(): boolean {
    return performance.now() < this.leaveAt && this.connection.isConnected();
  }

  async send({ apiKey, apiVersion, body }: RawRequest): Promise<Buffer> {
    try {
      return await this.connection.send<Buffer>({
        request: {
          apiKey,
          apiVersion,
          apiName: `api ${apiKey}`,
          encode: () => Promise.resolve(encoded(body)),
        },
        response: { decode: (payload) => Promise.resolve(payload), parse: (payload) => Promise.resolve(payload) },
      });
    } catch (error) {
      // A request that timed out leaves its connection open, and a later answer would come to nobody.
      this.close();
      throw requestFailure(this.address, error);
    }
  }

  close(): void {
    // It waits for what is under way before it closes, and having begun to it times nothing out: who waits would wait for ever.
    this.connection.socket?.destroy();
    this.connection.requestQueue.rejectAll(new Error("the connection is closed"));
    void this.connection.disconnect();
  }
}

function encoded(body: readonly Uint8Array[]): Encoder {
  const encoder = new Encoder();
  for (const piece of body) encoder.writeBufferInternal(Buffer.from(piece.buffer, piece.byteOffset, piece.length));
  return encoder;
}

/** The library's log lines say again what its errors say. */
const silent: object = {
  namespace: () => silent,
  debug: drop,
  info: drop,
  warn: drop,
  error: drop,
};

function drop(): void {
  // Nothing is kept.
}
