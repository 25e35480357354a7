import { CopyLine, EmptyState } from "../ui/notices.tsx";

/** What to do first. The token is shown by the first line and goes into the second. */
export function NoDevices() {
  return (
    <EmptyState title="No devices yet.">
      <p>Add one in a terminal. The command prints its token:</p>
      <CopyLine text="npm run millrace -- devices add my-first-device" />
      <p>Then send a first message with that token:</p>
      <CopyLine
        text={`mosquitto_pub -h ${location.hostname} -p 1883 -q 1 -u TOKEN -t v1/devices/me/telemetry -m '{"temperature":21.5}'`}
      />
    </EmptyState>
  );
}
