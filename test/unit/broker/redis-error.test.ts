import { SimpleError } from "@redis/client";
import { expect, test } from "vitest";
import { redisError } from "../../../broker/redis/redis-error.ts";

const TARGET = "redis://h:6379";
const socketError = (code: string, text = code) => Object.assign(new Error(text), { code });

test.each([
  [new SimpleError("WRONGPASS invalid username-password pair or user is disabled."), "CONFIG_INVALID", "password"],
  [new SimpleError("NOAUTH HELLO must be called"), "CONFIG_INVALID", "password"],
  [new SimpleError("NOPERM User poor has no permissions"), "CONFIG_INVALID", "docs/operating.md"],
  [new SimpleError("READONLY You can't write against a read only replica."), "CONFIG_INVALID", "primary"],
  [new SimpleError("OOM command not allowed when used memory > 'maxmemory'."), "LINK_IO", "maxmemory"],
  [new SimpleError("MISCONF Redis is configured to save RDB snapshots"), "LINK_IO", "disk"],
  [new SimpleError("NOREPLICAS Not enough good replicas to write."), "LINK_IO", "replicas"],
  [new SimpleError("LOADING Redis is loading the dataset in memory"), "LINK_IO", "Wait"],
  [new SimpleError("ERR unknown command `HELLO`"), "CONFIG_INVALID", "Redis 7"],
  [socketError("ECONNREFUSED"), "LINK_IO", "Start Redis"],
  [socketError("ECONNREFUSED", ""), "LINK_IO", "Start Redis"],
  [socketError("DEPTH_ZERO_SELF_SIGNED_CERT"), "LINK_IO", "NODE_EXTRA_CA_CERTS"],
  [socketError("CERT_HAS_EXPIRED"), "LINK_IO", "NODE_EXTRA_CA_CERTS"],
  [socketError("ERR_TLS_CERT_ALTNAME_INVALID"), "LINK_IO", "NODE_EXTRA_CA_CERTS"],
  ["no error at all", "LINK_IO", "Start Redis"],
])("%s has a code and says what to do", (error, code, remedy) => {
  const made = redisError(error, TARGET);
  expect(made).toMatchObject({ code });
  expect(made.remedy).toContain(remedy);
  expect(made.message).toMatch(/^Redis redis:\/\/h:6379: \S.*[^.]$/);
});

test("an error of ours comes back as it is", () => {
  const made = redisError(new Error("x"), TARGET);
  expect(redisError(made, TARGET)).toBe(made);
});
