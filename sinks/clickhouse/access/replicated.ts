/** One shard: identity, deduplication and deletions are those of one set of rows, on all its replicas. */
const PATH = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'";
/** As long as a repeated insert may come: a plan of the sink is repeated at once or after an outage. */
const DEDUPLICATION = "replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 2592000";

/** A CREATE TABLE of ours for all replicas of a cluster. RangeError when the statement does not have the form that migrations have. */
export function replicated(statement: string, database: string, cluster: string): string {
  const made = statement
    .replace(/^CREATE TABLE IF NOT EXISTS (\w+) /, `CREATE TABLE IF NOT EXISTS ${database}.$1 ON CLUSTER '${cluster}' `)
    .replace(/ENGINE = (Replacing)?MergeTree(?:\((\w+)\))?/, (_, kind: string | undefined, version?: string) => {
      const more = version === undefined ? "" : `, ${version}`;
      return `ENGINE = Replicated${kind ?? ""}MergeTree(${PATH}${more})`;
    })
    .replace(/non_replicated_deduplication_window = \d+/, DEDUPLICATION);
  if (!made.includes(" ON CLUSTER ") || !made.includes("ENGINE = Replicated")) {
    throw new RangeError(`no replicated form is known of: ${statement}`);
  }
  return made;
}
