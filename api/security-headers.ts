import type { FastifyReply, FastifyRequest } from "fastify";

/** `ws:` needs no mention: 'self' covers the same host's WebSocket (CSP 3 §6.7.2.8). Charts leave as blob: and data: images. */
const PAGES_POLICY =
  "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** Swagger UI sets style attributes and draws its icons from data: URLs. It loads no foreign code either. */
const DOCS_POLICY = `${PAGES_POLICY}; style-src 'self' 'unsafe-inline'`;

const HEADERS = {
  "x-content-type-options": "nosniff",
  // A sign-in link carries its code in the address.
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
} as const;

export function setSecurityHeaders(request: FastifyRequest, reply: FastifyReply): void {
  const path = pathOf(request.url);
  void reply.headers(HEADERS);
  void reply.header("content-security-policy", isDocsPath(path) ? DOCS_POLICY : PAGES_POLICY);
  // Answers are of the moment and for one person. Files have their own header: see pages.ts.
  void reply.header("cache-control", "no-store");
}

export function pathOf(url: string): string {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}

function isDocsPath(path: string): boolean {
  return path === "/docs" || path.startsWith("/docs/");
}
