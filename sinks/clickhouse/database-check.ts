import { z } from "zod";
import { MillraceError } from "../../core/errors.ts";
import { WRITER_RIGHTS } from "./access/rights.ts";
import { MIGRATIONS, TABLES } from "./migrations/migrations.ts";
import type { ClickHouseLink } from "./clickhouse-link.ts";

const OUR_BOOKS = "schema_migrations";
const OWNER = "database_owner";
const OTHER_DATABASE =
  "Name another database in MILLRACE_CLICKHOUSE_URL, or empty this one if nobody needs it: it fills again from the log.";

const nameRow = z.object({ name: z.string() });
const newestRow = z.object({ id: z.number() });
const ownerRow = z.object({ installation: z.string() });

/**
 * Looks whether this release of this installation may make and fill its tables in the database, and changes nothing. CONFIG_INVALID: the
 * user lacks rights, or the tables there are another installation's or not Millrace's at all. DATA_FORMAT_UNSUPPORTED: a newer release
 * has been here. SINK_UNAVAILABLE: nobody answers. `installation` null: whoever asks does not know it.
 */
export async function checkDatabase(link: ClickHouseLink, installation: string | null): Promise<void> {
  const listed = await link.query("SELECT name FROM system.tables WHERE database = currentDatabase()", nameRow);
  const present = new Set(listed.map(({ name }) => name));
  await requireRights(link);
  if (!present.has(OUR_BOOKS)) return requireRoom(present);
  const [newest] = await link.query(`SELECT max(id) AS id FROM ${OUR_BOOKS}`, newestRow);
  requireKnownShape(newest?.id ?? 0);
  if (!present.has(OWNER) || installation === null) return;
  const [owner] = await link.query(
    `SELECT installation FROM ${OWNER} ORDER BY created, installation LIMIT 1`,
    ownerRow,
  );
  if (owner !== undefined) requireOwner(owner.installation, installation);
}

/** CONFIG_INVALID when the database is bound to another installation. */
export function requireOwner(owner: string, installation: string): void {
  if (owner === installation) return;
  throw new MillraceError("CONFIG_INVALID", "the ClickHouse database holds the tables of another installation", {
    remedy: `${OTHER_DATABASE} A data directory that was restored needs the installation.secret of its backup.`,
  });
}

function requireKnownShape(newest: number): void {
  if (newest <= MIGRATIONS.length) return;
  throw new MillraceError(
    "DATA_FORMAT_UNSUPPORTED",
    `the tables in ClickHouse have shape ${newest}, and this release knows shapes up to ${MIGRATIONS.length}`,
    {
      remedy:
        "Start the newer release again, or let go of the tables (another database, or for the embedded ClickHouse its folder deleted): they fill again from the log.",
    },
  );
}

/** Our books are made before the first table, so tables of our names without them are somebody else's. */
function requireRoom(present: ReadonlySet<string>): void {
  const taken = TABLES.filter((table) => present.has(table));
  if (taken.length === 0) return;
  const text = `the ClickHouse database has tables that Millrace did not make: ${taken.join(", ")}`;
  throw new MillraceError("CONFIG_INVALID", text, { remedy: "Name a database of its own in MILLRACE_CLICKHOUSE_URL." });
}

/** Where it is too old to say, the first statement that is not allowed does. */
async function requireRights(link: ClickHouseLink): Promise<void> {
  if ((await link.isGranted(WRITER_RIGHTS)) !== false) return;
  const lacking: string[] = [];
  for (const right of WRITER_RIGHTS) if ((await link.isGranted([right])) === false) lacking.push(right);
  throw new MillraceError("CONFIG_INVALID", `ClickHouse's user lacks rights on its database: ${lacking.join(", ")}`, {
    remedy: "Give it the rights that `millrace clickhouse-sql` prints.",
  });
}
