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
  const { device, error } = useDevice(id, feed, attempt);
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
        <div class="card card-body">
          <SkeletonRows count={8} />
        </div>
      ) : (
        <>
          <DeviceCharts device={device} feed={feed} />
          <DeviceAlarms device={id} />
        </>
      )}
    </div>
  );
}
