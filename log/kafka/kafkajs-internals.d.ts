// What is used of kafkajs below its public interface. The library is not developed any more, so its inside does not change either.

declare module "kafkajs/src/protocol/encoder.js" {
  export default class Encoder {
    writeBufferInternal(bytes: Buffer): void;
  }
}

declare module "kafkajs/src/network/connectionPool.js" {
  import type { Socket } from "node:net";
  import type Encoder from "kafkajs/src/protocol/encoder.js";

  export interface RequestQueue {
    readonly pending: readonly unknown[];
    scheduleCheckPendingRequests(): void;
    rejectAll(error: Error): void;
  }

  export interface Protocol<T> {
    readonly request: {
      readonly apiKey: number;
      readonly apiName: string;
      readonly apiVersion: number;
      encode(): Promise<Encoder>;
    };
    readonly response: {
      decode(payload: Buffer): Promise<Buffer>;
      parse(payload: Buffer): Promise<T>;
    };
  }

  export interface KafkaJsConnection {
    readonly requestQueue: RequestQueue;
    isConnected(): boolean;
    send<T>(protocol: Protocol<T>): Promise<T>;
    disconnect(): Promise<unknown>;
    readonly socket?: Socket;
    /** Of the credentials, ms; 0 when it does not end. */
    readonly sessionLifetime: { toNumber(): number };
  }

  export interface AuthenticationContext {
    /** Resolves with what the broker answers. */
    saslAuthenticate(exchange: {
      readonly request: { encode(): Promise<Buffer> };
      readonly response: { decode(bytes: Buffer): Promise<Buffer>; parse(bytes: Buffer): Promise<Buffer> };
    }): Promise<Buffer>;
  }

  export interface PoolOptions {
    readonly host: string;
    readonly port: number;
    readonly clientId: string;
    readonly ssl: object | null;
    readonly sasl: object | null;
    readonly connectionTimeout: number;
    readonly requestTimeout: number;
    /** How long before the end of a session the library signs in again, ms. */
    readonly reauthenticationThreshold: number;
    readonly logger: object;
    readonly socketFactory: (target: {
      readonly host: string;
      readonly port: number;
      readonly ssl: object | null;
      readonly onConnect: () => void;
    }) => Socket;
  }

  export default class ConnectionPool {
    readonly pool: readonly KafkaJsConnection[];
    constructor(options: PoolOptions);
  }
}

declare module "kafkajs/src/broker/index.js" {
  import type ConnectionPool from "kafkajs/src/network/connectionPool.js";

  export default class Broker {
    constructor(options: { readonly connectionPool: ConnectionPool; readonly logger: object });
    connect(): Promise<void>;
    disconnect(): Promise<void>;
  }
}
