import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Why no certificates can be made here; null when they can. */
export const noCertificates: string | null = spawnSync("openssl", ["version"]).status === 0 ? null : "openssl";

interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** An authority of its own, and what it signs: texts in PEM. */
export interface Authority {
  readonly cert: string;
  /** The file of `cert`. */
  readonly certPath: string;
  issue(commonName: string): KeyPair;
  dispose(): void;
}

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export function createAuthority(name: string): Authority {
  const directory = mkdtempSync(join(tmpdir(), "millrace-certificates-"));
  const path = (file: string): string => join(directory, file);
  const read = (file: string): string => readFileSync(path(file), "utf8");
  openssl(
    "req",
    "-x509",
    ...KEY,
    "-subj",
    `/CN=${name}`,
    "-days",
    "2",
    "-keyout",
    path("ca.key"),
    "-out",
    path("ca.pem"),
  );
  return {
    cert: read("ca.pem"),
    certPath: path("ca.pem"),
    issue(commonName) {
      // A subject's parts are divided by slashes, unless they are escaped.
      const subject = `/CN=${commonName.replaceAll("/", "\\/")}`;
      const authority = ["-CA", path("ca.pem"), "-CAkey", path("ca.key")];
      const usage = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"];
      const files = ["-keyout", path("issued.key"), "-out", path("issued.pem")];
      openssl("req", "-x509", ...KEY, ...authority, "-subj", subject, "-days", "2", ...usage, ...files);
      return { cert: read("issued.pem"), key: read("issued.key") };
    },
    dispose: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function openssl(...args: readonly string[]): void {
  const { status, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`openssl ${args.join(" ")}: ${stderr}`);
}
