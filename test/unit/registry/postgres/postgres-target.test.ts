import { describe, expect, it } from "vitest";
import { postgresTarget } from "../../../../registry/postgres/postgres-target.ts";

describe("the name of a PostgreSQL server", () => {
  it("has host, port and database, and neither user nor password", () => {
    expect(postgresTarget("postgres://me:s3cret@db.example:5433/millrace?sslmode=verify-full")).toBe(
      "postgres://db.example:5433/millrace",
    );
    expect(postgresTarget("postgresql://me@db.example/my%20plant")).toBe("postgres://db.example/my plant");
  });

  it("shows the folder of a Unix socket", () => {
    expect(postgresTarget("postgres://me@localhost/millrace?host=/var/run/postgresql")).toBe(
      "postgres:///var/run/postgresql/millrace",
    );
  });

  it("refuses what is no such URL without repeating it", () => {
    for (const url of ["mysql://me:s3cret@db/millrace", "me:s3cret@db", "postgres://me:s3cret@db:port/x"]) {
      const told = () => postgresTarget(url);
      expect(told).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
      expect(told).toThrow(expect.objectContaining({ message: expect.not.stringContaining("s3cret") }));
    }
  });
});
