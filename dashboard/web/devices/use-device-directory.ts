import { useEffect, useState } from "preact/hooks";
import { LIMITS } from "../../../core/limits.ts";
import type { Device } from "../../../core/registry.ts";
import { type ApiError, isAbort, toApiError } from "../state/api-client.ts";
import { useApp } from "../state/app-state.ts";

export interface DeviceDirectory {
  readonly devices: readonly Device[];
  readonly isLoading: boolean;
  /** There are more than can be listed. */
  readonly isCut: boolean;
  readonly error: ApiError | null;
}

const LOADING: DeviceDirectory = { devices: [], isLoading: true, isCut: false, error: null };

/** The devices that match a search, page after page until all are there. Shows the former ones until the first page came. */
export function useDeviceDirectory(search: string, attempt: number): DeviceDirectory {
  const { api } = useApp();
  const [directory, setDirectory] = useState(LOADING);
  useEffect(() => {
    const stop = new AbortController();
    const load = async () => {
      const devices: Device[] = [];
      let after: string | null = null;
      do {
        const page: Awaited<ReturnType<typeof api.devices>> = await api.devices(
          { search, limit: LIMITS.pageSizeMax, ...(after === null ? {} : { after }) },
          stop.signal,
        );
        devices.push(...page.items);
        after = page.next;
        const isCut = after !== null && devices.length >= LIMITS.browserDevicesMax;
        setDirectory({ devices: [...devices], isLoading: after !== null && !isCut, isCut, error: null });
        if (isCut) return;
      } while (after !== null);
    };
    load().catch((thrown: unknown) => {
      if (!isAbort(thrown)) setDirectory((known) => ({ ...known, isLoading: false, error: toApiError(thrown) }));
    });
    return () => stop.abort();
  }, [search, attempt]);
  return directory;
}
