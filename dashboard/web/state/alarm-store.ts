import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { AlarmEvent } from "../../../core/derived-records.ts";
import type { AlarmState } from "../../../core/registry.ts";
import {
  type AlarmMap,
  applyAlarmEvents,
  compareAlarms,
  dropNoLongerActive,
  mergeAlarms,
} from "../model/alarm-list.ts";
import { type ApiClient, type ApiError, toApiError } from "./api-client.ts";

const PAGE_SIZE = 500;

export interface AlarmStore {
  readonly all: ReadonlySignal<AlarmMap>;
  /** Most severe first. */
  readonly active: ReadonlySignal<readonly AlarmState[]>;
  readonly isLoaded: ReadonlySignal<boolean>;
  readonly error: ReadonlySignal<ApiError | null>;
  /** More past alarms can be asked for. */
  readonly hasMore: ReadonlySignal<boolean>;
  /** The last transition that came live: read aloud. */
  readonly announced: ReadonlySignal<AlarmEvent | null>;
  apply(events: readonly AlarmEvent[]): void;
  /** Asks for everything active and the newest of all: at start and after a lost connection. */
  refresh(): Promise<void>;
  loadMore(): Promise<void>;
  /** Takes in the alarms of one device. */
  loadDevice(device: string): Promise<void>;
}

/** Every alarm that the pages know: pages of the registry's list, joined with what happens live. */
export function createAlarmStore(api: ApiClient): AlarmStore {
  const all = signal<AlarmMap>(new Map());
  const isLoaded = signal(false);
  const error = signal<ApiError | null>(null);
  const next = signal<string | null>(null);
  const announced = signal<AlarmEvent | null>(null);

  async function guard(load: () => Promise<void>): Promise<void> {
    try {
      await load();
      error.value = null;
    } catch (thrown) {
      error.value = toApiError(thrown);
    }
  }

  return {
    all,
    active: computed(() => [...all.value.values()].filter(({ active }) => active).sort(compareAlarms)),
    isLoaded,
    error,
    announced,
    hasMore: computed(() => next.value !== null),
    apply(events) {
      all.value = applyAlarmEvents(all.value, events);
      announced.value = events.at(-1) ?? null;
    },
    refresh: () =>
      guard(async () => {
        const before = all.value;
        const [active, newest] = await Promise.all([
          api.alarms({ active: true, limit: 1000 }),
          api.alarms({ limit: PAGE_SIZE }),
        ]);
        const kept = active.next === null ? dropNoLongerActive(all.value, before, active.items) : all.value;
        all.value = mergeAlarms(mergeAlarms(kept, newest.items), active.items);
        next.value = newest.next;
        isLoaded.value = true;
      }),
    loadMore: () =>
      guard(async () => {
        const after = next.value;
        if (after === null) return;
        // Taken off at once: scrolling must not ask for the same page twice.
        next.value = null;
        const page = await api.alarms({ after, limit: PAGE_SIZE });
        all.value = mergeAlarms(all.value, page.items);
        next.value = page.next;
      }),
    loadDevice: (device) =>
      guard(async () => {
        const page = await api.alarms({ device, limit: PAGE_SIZE });
        all.value = mergeAlarms(all.value, page.items);
      }),
  };
}
