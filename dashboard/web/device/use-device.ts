import { useEffect, useState } from "preact/hooks";
import type { Device } from "../../../core/registry.ts";
import { type ApiError, isAbort, toApiError } from "../state/api-client.ts";
import { useApp } from "../state/app-state.ts";
import type { DeviceFeed } from "../state/device-feed.ts";

/** A device from the registry, with its last values from the tables and from the hub offered to the feed. */
export function useDevice(
  id: string,
  feed: DeviceFeed,
  attempt: number,
): { device: Device | null; error: ApiError | null } {
  const { api, live } = useApp();
  const [device, setDevice] = useState<Device | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
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
      } catch {
        // Without the tables the metrics come with the first live reading; the charts say that history is missing.
      }
    };
    void load();
    void loadLatest();
    return () => stop.abort();
  }, [id, feed, attempt]);
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
  return { device, error };
}
