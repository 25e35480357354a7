import { DatabaseError } from "pg";
import { describe, expect, it } from "vitest";
import { isMillraceError, MillraceError } from "../../../../core/errors.ts";
import { isConflict } from "../../../../registry/postgres/conflict.ts";
import { isConnectionLost, postgresError } from "../../../../registry/postgres/postgres-error.ts";

const TARGET = "postgres://db:5432/millrace";

/** As the server sends it; the text says nothing that anybody should decide by. */
function withState(state: string): DatabaseError {
  const error = new DatabaseError("etwas ging schief", 0, "error");
  error.code = state;
  return error;
}

function decision(error: unknown) {
  const mapped = postgresError(error, TARGET);
  return isMillraceError(mapped) ? { code: mapped.code, retry: mapped.retry } : null;
}

describe("an error of PostgreSQL", () => {
  it.each([
    ["08006", "REGISTRY_IO", "later"],
    ["22021", "INVALID_INPUT", "never"],
    ["25006", "REGISTRY_IO", "later"],
    ["25P03", "REGISTRY_IO", "later"],
    ["28P01", "CONFIG_INVALID", "never"],
    ["28000", "CONFIG_INVALID", "never"],
    ["3D000", "CONFIG_INVALID", "never"],
    ["40001", "REGISTRY_IO", "later"],
    ["40P01", "REGISTRY_IO", "later"],
    ["42501", "CONFIG_INVALID", "never"],
    ["53100", "DISK_FULL", "later"],
    ["53200", "REGISTRY_IO", "later"],
    ["53300", "REGISTRY_IO", "later"],
    ["55P03", "REGISTRY_IO", "later"],
    ["57014", "REGISTRY_IO", "later"],
    ["57P01", "REGISTRY_IO", "later"],
    ["57P03", "REGISTRY_IO", "later"],
    ["58030", "REGISTRY_IO", "later"],
    ["XX001", "DATA_FORMAT_UNSUPPORTED", "never"],
  ])("of state %s is %s, to be retried %s", (state, code, retry) => {
    expect(decision(withState(state))).toEqual({ code, retry });
  });

  it("that only a wrong query makes comes back as it is", () => {
    for (const state of ["42601", "42P01", "22P02", "21000"]) {
      const error = withState(state);
      expect(postgresError(error, TARGET)).toBe(error);
    }
    const error = new TypeError("not a function");
    expect(postgresError(error, TARGET)).toBe(error);
  });

  it("that comes from the socket says which server and why, also without a message", () => {
    const refused = Object.assign(new AggregateError([], ""), { code: "ECONNREFUSED" });
    expect(postgresError(refused, TARGET)).toMatchObject({
      code: "REGISTRY_IO",
      message: `registry ${TARGET}: ECONNREFUSED`,
      remedy: expect.stringContaining("Start PostgreSQL"),
      cause: refused,
    });
  });

  it("is not wrapped twice", () => {
    const ours = new MillraceError("REGISTRY_IO", "the registry is closed");
    expect(postgresError(ours, TARGET)).toBe(ours);
  });

  it("is a conflict by its state alone", () => {
    expect(["40001", "40P01"].map((state) => isConflict(postgresError(withState(state), TARGET)))).toEqual([
      true,
      true,
    ]);
    expect(isConflict(postgresError(withState("23505"), TARGET))).toBe(false);
    expect(isConflict(new Error("deadlock detected"))).toBe(false);
  });

  it("costs the connection when it is no answer to a query", () => {
    expect([new Error("Query read timeout"), withState("57P01"), withState("08006")].map(isConnectionLost)).toEqual([
      true,
      true,
      true,
    ]);
    expect([withState("57014"), withState("23505")].map(isConnectionLost)).toEqual([false, false]);
  });
});
