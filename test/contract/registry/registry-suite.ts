import { afterEach, beforeEach, describe } from "vitest";
import type { Clock } from "../../../core/clock.ts";
import { alarmCases } from "./alarm-cases.ts";
import { applyCases } from "./apply-cases.ts";
import { auditCases } from "./audit-cases.ts";
import { concurrencyCases } from "./concurrency-cases.ts";
import { controlOutboxCases } from "./control-outbox-cases.ts";
import { credentialCases } from "./credential-cases.ts";
import { deviceCases } from "./device-cases.ts";
import { devicePageCases } from "./device-page-cases.ts";
import { eraseCases } from "./erase-cases.ts";
import { functionCases } from "./function-cases.ts";
import { keptStateCases } from "./kept-state-cases.ts";
import { stageCases } from "./stage-cases.ts";
import { gatewayCases } from "./gateway-cases.ts";
import { hostileCases } from "./hostile-cases.ts";
import { importCases } from "./import-cases.ts";
import { lastSeenCases } from "./last-seen-cases.ts";
import { notificationCases } from "./notification-cases.ts";
import type { RegistryStand, SuiteContext, TestedRegistry } from "./registry-stand.ts";

/** What every registry must do, whatever database it stands on. `makeStand` makes an empty store. */
export function registrySuite(engine: string, makeStand: (clock: Clock) => Promise<RegistryStand>): void {
  describe(`registry on ${engine}`, () => {
    const time = { now: 1_700_000_000_000 };
    let stand: RegistryStand | undefined;
    let registry: TestedRegistry | undefined;
    beforeEach(async () => {
      time.now = 1_700_000_000_000;
      stand = await makeStand({ now: () => time.now });
      registry = await stand.open();
    });
    afterEach(async () => {
      await stand?.dispose();
    });
    const context: SuiteContext = {
      time,
      get registry() {
        if (registry === undefined) throw new Error("the registry is open only during a test");
        return registry;
      },
      async openAnother() {
        if (stand === undefined) throw new Error("the stand is there only during a test");
        return stand.open();
      },
    };
    const groups = {
      devices: deviceCases,
      "pages of devices": devicePageCases,
      removal: eraseCases,
      "last seen": lastSeenCases,
      credentials: credentialCases,
      functions: functionCases,
      "what functions have kept": keptStateCases,
      "stages of functions": stageCases,
      gateways: gatewayCases,
      import: importCases,
      apply: applyCases,
      "control outbox": controlOutboxCases,
      alarms: alarmCases,
      notifications: notificationCases,
      audit: auditCases,
      "two connections": concurrencyCases,
      "hostile input": hostileCases,
    };
    for (const [name, cases] of Object.entries(groups)) {
      describe(name, () => {
        cases(context);
      });
    }
  });
}
