import { MillraceError } from "../core/errors.ts";
import { silentLogger } from "../core/logger.ts";
import { systemClock } from "../core/clock.ts";
import type { ApiOptions } from "./api-options.ts";
import { buildHttpApp } from "./http-app.ts";
import { createSignInCodes } from "./sign-in-codes.ts";

/** The OpenAPI document as text, made from the schemas: the same bytes every time. */
export async function openApiDocument(): Promise<string> {
  const { app } = buildHttpApp(documentationOptions());
  await app.ready();
  const answer = await app.inject({ url: "/openapi.json" });
  await app.close();
  return `${JSON.stringify(answer.json(), null, 2)}\n`;
}

/** Routes are described without being called: nothing stands behind them. */
function documentationOptions(): ApiOptions {
  const nothing = () => new MillraceError("NOT_RUNNING", "The API was built for its documentation only.");
  return {
    listen: { host: "127.0.0.1", port: 0 },
    get registry(): never {
      throw nothing();
    },
    history: null,
    rejects: null,
    why: { explain: () => Promise.reject(nothing()) },
    whyJoined: { explain: () => Promise.reject(nothing()) },
    replays: {
      start: () => Promise.reject(nothing()),
      status: () => Promise.reject(nothing()),
      cancel: () => Promise.reject(nothing()),
    },
    deadLetters: null,
    edge: { status: () => Promise.reject(nothing()), connectedOf: () => Promise.reject(nothing()) },
    functionUsage: () => Promise.reject(nothing()),
    slowDevices: () => Promise.reject(nothing()),
    overview: () => Promise.reject(nothing()),
    ledger: () => Promise.reject(nothing()),
    partitions: () => Promise.reject(nothing()),
    audit: () => Promise.reject(nothing()),
    outlineFunctions: () => Promise.reject(nothing()),
    shadow: { ofCode: () => Promise.reject(nothing()), ofVersions: () => Promise.reject(nothing()) },
    canaryCounts: () => Promise.reject(nothing()),
    metrics: () => Promise.reject(nothing()),
    health: { notReadyReasons: () => [], faults: () => [] },
    pagesDirectory: null,
    signInCodes: createSignInCodes(systemClock),
    clock: systemClock,
    logger: silentLogger,
  };
}
