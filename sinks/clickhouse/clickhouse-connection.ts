/** How to reach ClickHouse's HTTP interface: the embedded one's or a server's. */
export interface ClickHouseConnection {
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly database: string;
  /** What a server refuses for its user or its database is the operator's to mend; the embedded one only restarts. */
  readonly place: "embedded" | "server";
}

/** Where ClickHouse is now. The embedded one has another port and password after every restart; null while it is down. */
export type ConnectionSource =
  | ClickHouseConnection
  | (() => ClickHouseConnection | null | Promise<ClickHouseConnection | null>);
