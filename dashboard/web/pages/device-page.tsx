import { useEffect, useMemo, useState } from "preact/hooks";
import { DeviceAlarms } from "../device/device-alarms.tsx";
import { DeviceCharts } from "../device/device-charts.tsx";
import { DeviceHeader } from "../device/device-header.tsx";
import { useDevice } from "../device/use-device.ts";
import { useApp } from "../state/app-state.ts";
import { createDeviceFeed } from "../state/device-feed.ts";
import { EmptyState, ErrorState, SkeletonRows } from "../ui/notices.tsx";

export function DevicePage({ id }: { id: string }) {
  const app = useApp();
  const feed = useMemo(createDeviceFeed, [id]);
  const [attempt, setAttempt] = useState(0);
  const { device: found, isSettled, error, latestError } = useDevice(id, feed, attempt);
  const device = isSettled ? found : null;
  useEffect(() => app.live.watchReadings(id, feed.take), [id, feed]);
  if (error?.code === "NOT_FOUND") {
    return (
      <EmptyState title={`There is no device ${id}.`}>
        <p>
          <a href="/devices">Go to the devices</a>
        </p>
      </EmptyState>
    );
  }
  if (error !== null) return <ErrorState error={error} onRetry={() => setAttempt(attempt + 1)} />;
  return (
    <div class="device-page">
      <DeviceHeader id={id} device={device} feed={feed} />
      {device === null ? (
        <ChartSkeletons />
      ) : (
        <>
          <DeviceCharts device={device} feed={feed} latestError={latestError?.code ?? null} />
          <DeviceAlarms device={id} />
        </>
      )}
    </div>
  );
}

const SKELETONS = 6;

/** Charts to come, in their places. */
function ChartSkeletons() {
  return (
    <div class="chart-grid skeleton-charts" aria-busy="true" aria-label="Loading">
      {Array.from({ length: SKELETONS }, () => (
        <div class="card card-body chart-skeleton">
          <SkeletonRows count={2} />
        </div>
      ))}
    </div>
  );
}
