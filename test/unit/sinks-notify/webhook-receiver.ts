import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";

export interface ReceivedWebhook {
  readonly path: string;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

type Respond = (response: ServerResponse, request: ReceivedWebhook) => void;

export interface WebhookReceiver {
  readonly url: string;
  readonly received: readonly ReceivedWebhook[];
  ids(): string[];
  /** What it answers from here on: 204 unless told. */
  answer(respond: Respond): void;
  close(): Promise<void>;
}

/** A real HTTP server that keeps what it is sent. */
export async function startWebhookReceiver(port = 0): Promise<WebhookReceiver> {
  const received: ReceivedWebhook[] = [];
  let respond: Respond = (response) => void response.writeHead(204).end();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      const webhook = { path: request.url ?? "", method: request.method ?? "", headers: request.headers, body };
      received.push(webhook);
      respond(response, webhook);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = server.address();
  const bound = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${bound}/hook`,
    received,
    ids: () => received.map(({ headers }) => String(headers["millrace-id"])),
    answer: (next) => void (respond = next),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
