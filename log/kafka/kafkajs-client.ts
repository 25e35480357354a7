import { connect as connectSocket, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import Broker from "kafkajs/src/broker/index.js";
import ConnectionPool from "kafkajs/src/network/connectionPool.js";
import Encoder from "kafkajs/src/protocol/encoder.js";
import { errorText, MillraceError } from "../../core/errors.ts";
import { connectFailure } from "./connect-failure.ts";
import type { KafkaJsConnection, PoolOptions } from "kafkajs/src/network/connectionPool.js";
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
      return new KafkajsConnection(connection, address);
    },
  };
}

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
    logger: silent,
    socketFactory: openSocket,
  };
}

function kafkajsSasl(sasl: NonNullable<KafkaClientOptions["sasl"]>): object {
  if (sasl.mechanism !== "OAUTHBEARER") return { ...sasl, mechanism: sasl.mechanism.toLowerCase() };
  return { mechanism: "oauthbearer", oauthBearerProvider: async () => ({ value: await sasl.token() }) };
}

/** The library's own sockets wait for more to send (Nagle), up to 40 ms for every small request. */
function openSocket({ host, port, ssl, onConnect }: Parameters<PoolOptions["socketFactory"]>[0]): Socket {
  const target = { host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl };
  const socket = ssl === null ? connectSocket({ host, port }, onConnect) : connectTls(target, onConnect);
  return socket.setNoDelay(true);
}

class KafkajsConnection implements KafkaConnection {
  private readonly connection: KafkaJsConnection;
  private readonly address: BrokerAddress;

  constructor(connection: KafkaJsConnection, address: BrokerAddress) {
    this.connection = connection;
    this.address = address;
  }

  get isOpen(): boolean {
    return this.connection.isConnected();
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
      const { host, port } = this.address;
      throw new MillraceError("LOG_IO", `the Kafka broker ${host}:${port} did not answer: ${errorText(error)}`, {
        cause: error,
      });
    }
  }

  close(): void {
    // It waits for what is under way before it closes; we do not.
    this.connection.socket?.destroy();
    void this.connection.disconnect();
  }
}

function encoded(body: Buffer): Encoder {
  const encoder = new Encoder();
  encoder.writeBufferInternal(body);
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
