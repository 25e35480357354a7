import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { AlarmRule } from "../../../core/alarm-rule.ts";
import type { DeviceType } from "../../../core/device-type.ts";
import type { AlarmState } from "../../../core/registry.ts";
import { type AlarmStore, createAlarmStore } from "./alarm-store.ts";
import { type ApiClient, ApiError, createApiClient, type SessionUser, toApiError } from "./api-client.ts";
import { createDisplaySettings, type DisplaySettings } from "./display-settings.ts";
import { createLiveStore, type LiveStore } from "./live-store.ts";
import { createRouter, type Router } from "./router.ts";
import { createServerClock, type ServerClock } from "./server-clock.ts";

export type SessionState =
  | { readonly kind: "unknown" }
  | { readonly kind: "signed-in"; readonly user: SessionUser }
  | { readonly kind: "signed-out"; readonly error: ApiError | null };

/** Everything that outlives a page. Made once in main.tsx; components take it from the context. */
export interface AppState {
  readonly api: ApiClient;
  readonly router: Router;
  readonly settings: DisplaySettings;
  readonly clock: ServerClock;
  readonly live: LiveStore;
  readonly alarms: AlarmStore;
  /** The alarm that is being explained, on whatever page. */
  readonly explained: Signal<AlarmState | null>;
  readonly session: ReadonlySignal<SessionState>;
  readonly types: ReadonlySignal<readonly DeviceType[]>;
  readonly rules: ReadonlySignal<readonly AlarmRule[]>;
  /** Types and rules have been asked for, whatever came of it. */
  readonly isConfigured: ReadonlySignal<boolean>;
  /** Unit of a metric of a device type; empty when unknown. */
  readonly unitOf: ReadonlySignal<(type: string | null, metric: string) => string>;
  signIn(credential: { readonly code: string } | { readonly token: string }): Promise<void>;
  signOut(): Promise<void>;
  /** Signs in with the address's `code`, or finds the session that there is. */
  start(): Promise<void>;
}

export function createAppState(): AppState {
  const session = signal<SessionState>({ kind: "unknown" });
  const types = signal<readonly DeviceType[]>([]);
  const rules = signal<readonly AlarmRule[]>([]);
  const isConfigured = signal(false);
  const clock = createServerClock();
  const api = createApiClient(() => leave(null));
  const alarms = createAlarmStore(api);
  const live = createLiveStore({
    clock,
    onAlarms(events, missed) {
      alarms.apply(events);
      if (missed) void alarms.refresh();
    },
    onConnected() {
      void alarms.refresh();
      void loadConfiguration();
    },
    onFailed(isSignedOut) {
      if (isSignedOut) leave(null);
      // A refused upgrade looks like a lost network; asking for the session tells them apart.
      else void api.session().catch(() => undefined);
    },
  });

  async function loadConfiguration(): Promise<void> {
    const [foundTypes, foundRules] = await Promise.allSettled([api.types(), api.rules()]);
    if (foundTypes.status === "fulfilled") types.value = foundTypes.value.items;
    if (foundRules.status === "fulfilled") rules.value = foundRules.value.items;
    isConfigured.value = true;
  }

  function enter(user: SessionUser): void {
    session.value = { kind: "signed-in", user };
    live.socket.connect();
  }

  function leave(error: ApiError | null): void {
    session.value = { kind: "signed-out", error };
    live.socket.disconnect();
  }

  return {
    api,
    router: createRouter(),
    settings: createDisplaySettings(),
    clock,
    live,
    alarms,
    explained: signal<AlarmState | null>(null),
    session,
    types,
    rules,
    isConfigured,
    unitOf: computed(() => unitLookup(types.value)),
    async signIn(credential) {
      enter(await api.signIn(credential));
    },
    async signOut() {
      await api.signOut().catch(() => undefined);
      leave(null);
    },
    async start() {
      const code = takeCode();
      try {
        enter(code === null ? await api.session() : await api.signIn({ code }));
      } catch (thrown) {
        const error = toApiError(thrown);
        const isPlain = code === null && error.code === "NOT_AUTHENTICATED";
        // A used code with a session that still holds is no reason to stop.
        const known = code === null ? null : await api.session().catch(() => null);
        if (known === null) leave(isPlain ? null : error);
        else enter(known);
      }
    },
  };
}

/** The sign-in code of the printed link, taken out of the address so that it is neither bookmarked nor sent on. */
function takeCode(): string | null {
  const url = new URL(location.href);
  const code = url.searchParams.get("code");
  if (code === null) return null;
  url.searchParams.delete("code");
  history.replaceState(null, "", url.pathname + url.search);
  return code;
}

function unitLookup(types: readonly DeviceType[]): (type: string | null, metric: string) => string {
  const units = new Map(types.map(({ id, metrics }) => [id, new Map(Object.entries(metrics))]));
  return (type, metric) => units.get(type ?? "")?.get(metric)?.unit ?? "";
}

const AppContext = createContext<AppState | null>(null);
export const AppProvider = AppContext.Provider;

export function useApp(): AppState {
  const app = useContext(AppContext);
  if (app === null) throw new Error("useApp outside of AppProvider");
  return app;
}
