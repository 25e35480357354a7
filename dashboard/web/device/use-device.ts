import { useEffect, useState } from "preact/hooks";
import type { Device } from "../../../core/registry.ts";
import { type ApiError, isAbort, toApiError } from "../state/api-client.ts";
import { useApp } from "../state/app-state.ts";
import type { DeviceFeed } from "../state/device-feed.ts";

/** The hub answers at once for a device that it knows; of one that never reported it says nothing. */
const HUB_PATIENCE_MS = 400;

/**
 * A device from the registry, with its last values from the tables and from the hub offered to the feed. It is settled when everything
 * that decides what the page is made of has come, so that nothing moves afterwards.
 */
export function useDevice(
  id: string,
  feed: DeviceFeed,
  attempt: number,
): { device: Device | null; isSettled: boolean; error: ApiError | null; latestError: ApiError | null } {
  const { api, live, alarms, isConfigured } = useApp();
  const [device, setDevice] = useState<Device | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [latestError, setLatestError] = useState<ApiError | null>(null);
  const [isAnswered, setAnswered] = useState(false);
  const [isPatient, setPatient] = useState(true);
  useEffect(() => {
    const stop = new AbortController();
    const load = async () => {
      try {
        setDevice(await api.device(id, stop.signal));
        setError(null);
      } catch (thrown) {
        if (!isAbort(thrown)) setError(toApiError(thrown));
      }
    };
    const loadLatest = async () => {
      try {
        const { items } = await api.latest(id, stop.signal);
        for (const { metric, ts, value } of items) feed.offer(metric, { ts, value, received: null });
      } catch (thrown) {
        if (!isAbort(thrown)) setLatestError(toApiError(thrown));
        // Without the tables the metrics come with the first live reading; the charts say that history is missing.
      }
      if (!stop.signal.aborted) setAnswered(true);
    };
    void load();
    void loadLatest();
    return () => stop.abort();
  }, [id, feed, attempt]);
  useEffect(() => {
    if (!isAnswered) return undefined;
    const timer = setTimeout(() => setPatient(false), HUB_PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [isAnswered]);
  const values = live.valuesOf(id).value;
  useEffect(() => {
    live.watchValues([id]);
    return () => live.watchValues([]);
  }, [id]);
  useEffect(() => {
    if (values === null) return;
    for (const [metric, [ts, value, received]] of Object.entries(values[2]))
      feed.offer(metric, { ts, value, received });
  }, [values, feed]);
  const hasValues = isAnswered && (values !== null || !isPatient);
  const hasAlarms = alarms.isLoaded.value || alarms.error.value !== null;
  const isOffline = live.socket.state.value === "lost";
  return { device, isSettled: hasValues && (isOffline || (hasAlarms && isConfigured.value)), error, latestError };
}
