import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { KafkaWriter } from "../../wire/kafka/kafka-writer.ts";
import type { BrokerAddress } from "../../log/kafka/kafka-client.ts";

const API_VERSIONS = 18;

/** What listens at a port and is no broker that could be used. */
export interface FalseBroker {
  readonly address: BrokerAddress;
  close(): void;
}

/** An HTTP server. */
export function startHttp(): Promise<FalseBroker> {
  return listening(createHttpServer((_request, response) => void response.end("hello")));
}

/** Takes connections and says nothing. */
export function startSilence(): Promise<FalseBroker> {
  return listening(createServer());
}

/** A broker of long ago: takes ApiVersions and names only the first version of everything. */
export function startOldBroker(): Promise<FalseBroker> {
  return listening(versionServer(() => true));
}

/** A broker that tells its versions, and answers nothing else. */
export function startDeafBroker(): Promise<FalseBroker> {
  return listening(versionServer((key) => key === API_VERSIONS));
}

/** Ends the connection as a broker does that wants TLS and gets something else. */
export function startTlsOnly(): Promise<FalseBroker> {
  const UNEXPECTED_MESSAGE = Buffer.from([0x15, 3, 3, 0, 2, 2, 10]);
  return listening(createServer((socket) => socket.on("data", () => void socket.end(UNEXPECTED_MESSAGE))));
}

function versionServer(answers: (key: number) => boolean): Server {
  return createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (request) => {
      const key = request.readInt16BE(4);
      const version = request.readInt16BE(6);
      if (!answers(key)) return;
      // As Kafka does: a version that it does not know is answered in the first one, with UNSUPPORTED_VERSION.
      const errorCode = key !== API_VERSIONS || version > 0 ? 35 : 0;
      const body = new KafkaWriter().int32(request.readInt32BE(8)).int16(errorCode);
      body.array([...Array(30).keys()], (api) => body.int16(api).int16(0).int16(0));
      const bytes = body.finish();
      const length = Buffer.alloc(4);
      length.writeInt32BE(bytes.length);
      socket.write(Buffer.concat([length, bytes]));
    });
  });
}

async function listening(server: Server): Promise<FalseBroker> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: { host: "127.0.0.1", port },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
