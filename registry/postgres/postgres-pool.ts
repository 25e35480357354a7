import { type ClientConfig, Pool, type PoolClient, types } from "pg";
import { LIMITS } from "../../core/limits.ts";

/** All tables stand in a schema of their own: the database may be shared with other programs. */
export const SCHEMA = "millrace";

/** The time-outs of a connection. Tests shorten them. */
export interface PostgresTimeouts {
  readonly connectMs: number;
  readonly lockMs: number;
  readonly statementMs: number;
  readonly idleTransactionMs: number;
  /** On this side, for a server that does not even refuse. */
  readonly answerMs: number;
}

export const POSTGRES_TIMEOUTS: PostgresTimeouts = {
  connectMs: LIMITS.registryConnectTimeoutMs,
  lockMs: LIMITS.registryLockTimeoutMs,
  statementMs: LIMITS.registryStatementTimeoutMs,
  idleTransactionMs: LIMITS.registryIdleTransactionTimeoutMs,
  answerMs: LIMITS.registryAnswerTimeoutMs,
};

export function postgresClientConfig(url: string, timeouts: PostgresTimeouts): ClientConfig {
  return {
    connectionString: url,
    application_name: "millrace",
    connectionTimeoutMillis: timeouts.connectMs,
    query_timeout: timeouts.answerMs,
    keepAlive: true,
    types: {
      getTypeParser: (oid, format) => (oid === types.builtins.INT8 ? toNumber : types.getTypeParser(oid, format)),
    },
  };
}

export function createPostgresPool(url: string, timeouts: PostgresTimeouts, onLost: (error: Error) => void): Pool {
  const pool = new Pool({
    ...postgresClientConfig(url, timeouts),
    max: LIMITS.registryConnectionsMax,
    // Before a new connection is handed out; one that cannot be set up never is.
    verify: (client, done) => void verify(client, timeouts, done),
  });
  // Of connections that are in no one's hands. Without a listener Node would end the process.
  pool.on("error", onLost);
  // Of connections in use, between two queries; the next query fails and says so.
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

async function verify(client: PoolClient, timeouts: PostgresTimeouts, done: (error?: Error) => void): Promise<void> {
  try {
    await setUp(client, timeouts);
  } catch (error) {
    done(error instanceof Error ? error : new Error(String(error)));
    return;
  }
  done();
}

/**
 * Whatever the role or the server has for defaults. Not as start-up parameters, which poolers refuse. Durability is not lowered here:
 * only `off` is overridden, since a change that was answered must not be lost.
 */
async function setUp(client: PoolClient, timeouts: PostgresTimeouts): Promise<void> {
  await client.query(`
    set search_path = ${SCHEMA};
    set lock_timeout = ${timeouts.lockMs};
    set statement_timeout = ${timeouts.statementMs};
    set idle_in_transaction_session_timeout = ${timeouts.idleTransactionMs};
    select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'`);
}

/** `pg` gives int8 as text. Ours are times, counts and sequences, all of them safe integers. */
function toNumber(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${text} is beyond what a number holds exactly`);
  return number;
}
