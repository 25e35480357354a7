import type { Kysely } from "kysely";
import type { AuditStore } from "../core/registry.ts";
import type { ChangeWriter } from "./change-writer.ts";
import { checkPageLimit, decodeCursor, toPage } from "./page-cursor.ts";
import type { Tables } from "./schema.ts";

/** Who changed what. Newest first. */
export function createAuditStore(db: Kysely<Tables>, write: ChangeWriter): AuditStore {
  return {
    async list({ limit, after }) {
      checkPageLimit(limit);
      let query = db.selectFrom("audit").selectAll();
      if (after !== undefined) {
        const [sequence] = decodeCursor(after, ["number"]);
        query = query.where("sequence", "<", Number(sequence));
      }
      const rows = await query
        .orderBy("sequence", "desc")
        .limit(limit + 1)
        .execute();
      return toPage(
        rows,
        limit,
        ({ at, actor, action, target, detail }) => ({ at: at, actor, action, target, detail }),
        ({ sequence }) => [sequence],
      );
    },
    async record(actor, action, target, detail) {
      await write(actor, async (change) => change.audit(action, target, detail));
    },
  };
}
