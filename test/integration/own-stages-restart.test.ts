import { expect, it } from "vitest";
import { countingFunction, FunctionInstance, upTo } from "../support/function-instance.ts";
import { eventually } from "../support/stage-on-log.ts";
import { CHDB_TITLE, hasChdb } from "../unit/sinks-clickhouse/clickhouse-bench.ts";
import type { AuditReport } from "../../core/audit-report.ts";

const NAMES = ["shared", "apart", "outside"] as const;

/** Also with the log on Kafka: see vitest.config.ts. */
it.skipIf(!hasChdb())(
  `stages in threads and in a process go on after a restart ${CHDB_TITLE}`,
  { timeout: 240_000 },
  async () => {
    const own = new FunctionInstance();
    const seen = () => Promise.all(NAMES.map((name) => own.stored(`seen_by_${name}`)));
    const untilAllSeen = () =>
      eventually(async () => (await seen()).every(({ length }) => length === own.sent), 90_000);
    try {
      await own.start({});
      await own.deploy(countingFunction("shared"));
      await own.deploy(countingFunction("apart"), "--stage", "apart");
      await own.deploy(countingFunction("outside"), "--stage", "outside", "--isolation", "process");
      expect(await own.stages()).toEqual(["stage:functions", "stage:fn-apart", "stage:fn-outside"]);
      await own.send(5);
      await untilAllSeen();
      await own.instance.kill();
      await own.start({});
      await own.send(5);
      await untilAllSeen();
      expect(await seen()).toEqual(NAMES.map(() => upTo(own.sent + 1, 0)));
      await own.millrace("undeploy", "outside", "--yes");
      await eventually(async () => (await own.stages()).length === 2, 90_000);
      expect(await own.stages()).toEqual(["stage:functions", "stage:fn-apart"]);
      const report: AuditReport = JSON.parse(await own.millrace("audit", "--json"));
      expect(report.balanced).toBe(true);
    } finally {
      await own.dispose();
    }
  },
);
