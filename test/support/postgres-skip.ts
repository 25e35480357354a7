import { beforeEach, inject } from "vitest";

/** In the project "postgres": without a server its tests skip by name instead of running on SQLite once more. */
beforeEach(({ skip }) => {
  if (inject("postgresUrl") === null) skip("needs the postgresql package");
});
