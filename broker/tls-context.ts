import { X509Certificate } from "node:crypto";
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

interface Pem {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
}

/** One block of a PEM file, with what stands on its first line. */
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^]*?-----END \1-----/g;

/** CONFIG_INVALID when the files cannot be read, or do not belong together. */
export async function openTlsContext(files: TlsFiles, logger: Logger, intervalMs: number): Promise<TlsContext> {
  let pem: Pem;
  try {
    pem = await readPem(files);
    checkPem(pem, files);
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
      checkPem(next, files);
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

function checkPem(pem: Pem, { cert, clientCa }: TlsFiles): void {
  checkCertificates(pem.cert, cert);
  if (pem.ca !== undefined) checkCertificates(pem.ca, clientCa ?? "");
  createSecureContext(pem);
}

/**
 * OpenSSL takes what it can read and says nothing of the rest. With half a file of authorities devices are locked out; with an empty one Node
 * trusts the public authorities, and whoever has a certificate of theirs comes in.
 */
function checkCertificates(text: string, path: string): void {
  const blocks = [...text.matchAll(BLOCK)].filter(([, label]) => label?.endsWith("CERTIFICATE"));
  if (blocks.length === 0) throw new Error(`${path} holds no certificate`);
  for (const [block] of blocks) new X509Certificate(block);
  if (text.replaceAll(BLOCK, "").includes("-----BEGIN")) throw new Error(`${path} ends in the middle of a certificate`);
}
