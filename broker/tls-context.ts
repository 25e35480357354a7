import { readFile } from "node:fs/promises";
import { createSecureContext, type Server, type TlsOptions } from "node:tls";
import { errorText, MillraceError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";

/** Paths of PEM files. */
export interface TlsFiles {
  /** The certificate, and behind it those up to the authority. */
  readonly cert: string;
  readonly key: string;
  /** Who signs the certificates of clients; absent: none are asked for. */
  readonly clientCa: string | undefined;
  /** True: who has none is not let in. */
  readonly clientCertRequired: boolean;
}

/** The certificate that servers show, from files that may change while they run. */
export interface TlsContext {
  /** For the servers that are made with it. */
  readonly options: TlsOptions;
  /** From now on these servers get what comes into the files. */
  watch(servers: readonly Pick<Server, "setSecureContext">[]): void;
  stop(): void;
}

type Pem = Pick<TlsOptions, "cert" | "key" | "ca">;

/** CONFIG_INVALID when the files cannot be read, or do not belong together. */
export async function openTlsContext(files: TlsFiles, logger: Logger, intervalMs: number): Promise<TlsContext> {
  let pem: Pem;
  try {
    pem = await readPem(files);
    createSecureContext(pem);
  } catch (error) {
    throw new MillraceError("CONFIG_INVALID", `TLS cannot be served: ${errorText(error)}`, {
      cause: error,
      remedy: "Let --tls-cert, --tls-key and --tls-client-ca name readable PEM files that belong together.",
    });
  }
  const asked = files.clientCa !== undefined;
  const fixed = {
    minVersion: "TLSv1.2",
    requestCert: asked,
    rejectUnauthorized: asked && files.clientCertRequired,
  } as const;
  let seen = JSON.stringify(pem);
  let timer: NodeJS.Timeout | undefined;

  async function look(servers: Parameters<TlsContext["watch"]>[0]): Promise<void> {
    try {
      const next = await readPem(files);
      const text = JSON.stringify(next);
      if (text === seen) return;
      // Also when it is bad: it is refused once, and looked at again when it is another one.
      seen = text;
      createSecureContext(next);
      for (const server of servers) server.setSecureContext({ ...next, ...fixed });
      logger.info({ cert: files.cert }, "a new certificate is used");
    } catch (error) {
      logger.error(
        { cert: files.cert, error: errorText(error) },
        "a new certificate is refused, and the old one stays",
      );
    }
  }

  return {
    options: { ...pem, ...fixed },
    watch(servers) {
      timer = setInterval(() => void look(servers), intervalMs);
      timer.unref();
    },
    stop: () => clearInterval(timer),
  };
}

async function readPem({ cert, key, clientCa }: TlsFiles): Promise<Pem> {
  const pair = { cert: await readFile(cert, "utf8"), key: await readFile(key, "utf8") };
  return clientCa === undefined ? pair : { ...pair, ca: await readFile(clientCa, "utf8") };
}
