import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { PROMETHEUS_TYPE, prometheusText } from "../api/prometheus-text.ts";
import { errorText, MillraceError } from "../core/errors.ts";
import type { MetricSample } from "../core/metrics.ts";

export interface RelayProbes {
  readonly port: number;
  close(): Promise<void>;
}

/** `/healthz`, `/readyz` and `/metrics` of a relay, as those of an installation. PORT_IN_USE when the port is. */
export async function serveRelayProbes(
  place: { readonly host: string; readonly port: number },
  relay: { readonly notReadyReasons: () => readonly string[]; readonly metrics: () => readonly MetricSample[] },
): Promise<RelayProbes> {
  const answers: Readonly<Record<string, () => readonly [status: number, type: string, text: string]>> = {
    "/healthz": () => [200, "application/json", JSON.stringify({ status: "alive" })],
    "/readyz": () => {
      const reasons = relay.notReadyReasons();
      const ready = reasons.length === 0;
      return [ready ? 200 : 503, "application/json", JSON.stringify({ ready, reasons })];
    },
    "/metrics": () => [200, PROMETHEUS_TYPE, prometheusText(relay.metrics())],
  };
  const server = createServer(({ method, url = "" }, response) => {
    const answer = method === "GET" ? answers[url.replace(/\?.*$/, "")] : undefined;
    const [status, type, text] = answer?.() ?? [404, "text/plain", "There is /healthz, /readyz and /metrics here.\n"];
    response.writeHead(status, { "content-type": type }).end(text);
  });
  const port = await listen(server, place);
  return {
    port,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

async function listen(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<number> {
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (error) {
    throw new MillraceError("PORT_IN_USE", `nobody can be answered at ${host}:${port}: ${errorText(error)}`, {
      cause: error,
      remedy: "Name another port with --probe-port, or end what listens there.",
    });
  }
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}
