import { afterAll, beforeAll, describe } from "vitest";
import { RedisSessionStore } from "../../../broker/redis/redis-session-store.ts";
import { silentLogger } from "../../../core/logger.ts";
import { createMetrics } from "../../../core/metrics.ts";
import { findRedis, type RedisServer, startRedis } from "../../support/redis-server.ts";
import { SMALL_LIMITS } from "./session-stand.ts";
import { sessionStoreSuite } from "./session-store-suite.ts";

const program = findRedis();

describe.skipIf(program === null)("Redis (needs the redis-server package)", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis(program ?? "");
  });
  afterAll(() => server?.dispose());

  sessionStoreSuite("Redis", () =>
    Promise.resolve({
      open: () =>
        Promise.resolve(
          new RedisSessionStore({
            url: server.url(),
            installation: "test",
            logger: silentLogger,
            metrics: createMetrics(),
            onFault: () => undefined,
            limits: SMALL_LIMITS,
          }),
        ),
      dispose: async () => void (await server.run(["FLUSHALL"])),
    }),
  );
});
