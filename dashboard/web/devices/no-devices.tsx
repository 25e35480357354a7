import { useEffect, useState } from "preact/hooks";
import { useApp } from "../state/app-state.ts";
import { CopyLine, EmptyState } from "../ui/notices.tsx";

const USUAL_PORT = 1883;

/** What to do first. The token is shown by the first line and goes into the second. */
export function NoDevices() {
  const { api } = useApp();
  const [port, setPort] = useState(USUAL_PORT);
  useEffect(() => {
    api.mqtt().then(
      (mqtt) => setPort(mqtt.port),
      // The usual one is right nearly always, and the line can be changed by hand.
      () => undefined,
    );
  }, []);
  return (
    <EmptyState title="No devices yet.">
      <p>Add one in a terminal. The command prints its token:</p>
      <CopyLine text="npm run millrace -- devices add my-first-device" />
      <p>Then send a first message with that token:</p>
      <CopyLine
        text={`mosquitto_pub -h ${location.hostname} -p ${port} -q 1 -u TOKEN -t v1/devices/me/telemetry -m '{"temperature":21.5}'`}
      />
    </EmptyState>
  );
}
