import { afterEach, beforeEach, describe } from "vitest";
import type { SessionStore } from "../../../broker/session/session-store.ts";
import { concurrencyCases } from "./concurrency-cases.ts";
import { deliveryCases } from "./delivery-cases.ts";
import { modelCases } from "./model-cases.ts";
import { queueCases } from "./queue-cases.ts";
import { retainedCases } from "./retained-cases.ts";
import { sessionCases } from "./session-cases.ts";
import type { SessionStand, SuiteContext } from "./session-stand.ts";

/** What every session store must do, whatever it stands on. `makeStand` makes an empty place with the limits of `SMALL_LIMITS`. */
export function sessionStoreSuite(engine: string, makeStand: () => Promise<SessionStand>): void {
  describe(`session store on ${engine}`, () => {
    let stand: SessionStand;
    let store: SessionStore;
    const open = async () => {
      store = await stand.open();
      await store.start();
      return store.load(() => undefined);
    };
    beforeEach(async () => {
      stand = await makeStand();
      await open();
    });
    afterEach(async () => {
      await store.stop(AbortSignal.timeout(5000));
      await stand.dispose();
    });
    const context: SuiteContext = {
      get store() {
        return store;
      },
      async reopen() {
        await store.stop(AbortSignal.timeout(5000));
        return open();
      },
    };
    const groups = {
      sessions: sessionCases,
      queues: queueCases,
      "deliveries under way": deliveryCases,
      "retained messages": retainedCases,
      "calls at the same time": concurrencyCases,
      "any calls": modelCases,
    };
    for (const [name, cases] of Object.entries(groups)) {
      describe(name, () => {
        cases(context);
      });
    }
  });
}
