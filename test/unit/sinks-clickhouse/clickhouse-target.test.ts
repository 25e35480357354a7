import { describe, expect, it } from "vitest";
import { clickHouseTarget, parseClickHouseUrl } from "../../../sinks/clickhouse/clickhouse-target.ts";

describe("the URL of a ClickHouse server", () => {
  it("gives address, user, password and database, and is shown without user and password", () => {
    const connection = parseClickHouseUrl("https://w%40x:p%20w%2F@ch.example:8443/plant");
    expect(connection).toEqual({
      url: "https://ch.example:8443",
      username: "w@x",
      password: "p w/",
      database: "plant",
      place: "server",
    });
    expect(clickHouseTarget(connection)).toBe("ClickHouse at https://ch.example:8443/plant");
  });

  it("falls back to ClickHouse's own user and database", () => {
    expect(parseClickHouseUrl("http://127.0.0.1:8123")).toMatchObject({ username: "default", database: "default" });
  });

  it.each([
    ["ch.example:8123"],
    ["tcp://u:s3cret@ch.example:9000"],
    ["http://u:s3cret@ch.example/a%zz"],
    ["http://u:s3cret@ch.example/a-b; DROP"],
    ["http://u:s3cret@ch.example/db?max_threads=1"],
  ])("is refused with what to do and without the password: %s", (url) => {
    const parse = (): unknown => parseClickHouseUrl(url);
    expect(parse).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
    expect(parse).not.toThrow(/s3cret/);
  });
});
