import type {} from "@fastify/static";
import type { FastifyRequest } from "fastify";
import type { ZodApp } from "./route-context.ts";
import { makeProblem } from "../core/problem.ts";
import { sendProblem } from "./error-answer.ts";
import { pathOf } from "./security-headers.ts";

/** Vite puts a content hash into every name below `assets/`: such a file never changes. */
const IMMUTABLE = "public, max-age=31536000, immutable";

/** Where devices post, on another port. */
const TELEMETRY = /^\/v1\/telemetry$|^\/api\/v1\/[^/]+\/telemetry$/;

/** Paths that are never a page of the browser app. */
const NO_PAGES = /^\/(api|docs|healthz|readyz|metrics|openapi\.json|assets)(\/|$)/;

/** The built browser app: its files, and its index.html wherever a person asks for a page. */
export function registerPages(app: ZodApp, directory: string | null): void {
  if (directory !== null) {
    void app.register(import("@fastify/static"), {
      root: directory,
      cacheControl: false,
      dotfiles: "ignore",
      // The build leaves .br and .gz beside its files.
      preCompressed: true,
      setHeaders: (reply, path) => {
        void reply.header("cache-control", /[/\\]assets[/\\]/.test(path) ? IMMUTABLE : "no-cache");
      },
    });
  }
  app.setNotFoundHandler(async (request, reply) => {
    if (!wantsPage(request)) return sendProblem(reply, notFoundProblem(request));
    if (directory !== null) return reply.sendFile("index.html");
    const remedy = "Build the pages with `npm run build` and start again.";
    return sendProblem(reply, makeProblem("NOT_FOUND", "The dashboard's pages are not built.", { remedy }));
  });
}

function wantsPage(request: FastifyRequest): boolean {
  if (request.method !== "GET" && request.method !== "HEAD") return false;
  return !NO_PAGES.test(pathOf(request.url)) && (request.headers.accept ?? "").includes("text/html");
}

function notFoundProblem(request: FastifyRequest) {
  const path = pathOf(request.url);
  if (TELEMETRY.test(path)) {
    // Without the path, which may have a token in it.
    const remedy = "Post to the ingest port: 8081, or what --ingest-port says; `millrace start` prints the address.";
    return makeProblem("NOT_FOUND", "Telemetry is not taken here: this is the API.", { remedy });
  }
  const detail = `${request.method} ${path} is no route of this API.`;
  return makeProblem("NOT_FOUND", detail, { remedy: "Routes begin with /api/v1; /docs shows them all." });
}
