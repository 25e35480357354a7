import type { ComponentChildren } from "preact";
import { LIMITS } from "../../../core/limits.ts";
import { formatCount } from "../model/format-number.ts";
import { devicePath } from "../model/route.ts";
import { useApp } from "../state/app-state.ts";
import { SkeletonRows } from "../ui/notices.tsx";
import { AgoText } from "../ui/time-text.tsx";

/** Devices that alarm most and say most: where to look for a loose contact or a wrong limit. */
export function NoisyDevices() {
  const fleet = useApp().live.fleet.value;
  return (
    <FleetCard
      id="noisy"
      title="Noisiest devices"
      columns={[
        ["alarms", "raised in the last hour"],
        ["per min", "readings a minute"],
      ]}
      isLoading={fleet === null}
    >
      {fleet?.noisy.map(({ device, alarms, readingsPerMinute }) => (
        <tr key={device}>
          <th scope="row">
            <a href={devicePath(device)} title={device}>
              {device}
            </a>
          </th>
          <td class={`number${alarms === 0 ? " muted" : ""}`}>
            {formatCount(alarms)}
            {alarms >= LIMITS.recentAlarmsPerDeviceMax && "+"}
          </td>
          <td class="number">{formatCount(readingsPerMinute)}</td>
        </tr>
      ))}
      {fleet?.noisy.length === 0 && <EmptyRow columns={3} text="Nothing came in the last minute." />}
    </FleetCard>
  );
}

export function SilentDevices() {
  const { live } = useApp();
  const fleet = live.fleet.value;
  return (
    <FleetCard
      id="silent"
      title="Silent devices"
      columns={[["last seen", "receive time of the last reading"]]}
      isLoading={fleet === null}
    >
      {fleet?.silent.map(({ device, received }) => (
        <tr key={device}>
          <th scope="row">
            <a href={devicePath(device)} title={device}>
              {device}
            </a>
          </th>
          <td>
            <AgoText ts={received} />
          </td>
        </tr>
      ))}
      {fleet?.silent.length === 0 && <EmptyRow columns={2} text="No device that ever reported is silent." />}
    </FleetCard>
  );
}

function FleetCard(props: {
  id: string;
  title: string;
  /** Heading and what it means. */
  columns: readonly (readonly [string, string])[];
  isLoading: boolean;
  children: ComponentChildren;
}) {
  return (
    <section class={`card area-${props.id}`} aria-labelledby={`${props.id}-title`} data-testid={`${props.id}-devices`}>
      <h2 class="card-title" id={`${props.id}-title`}>
        {props.title}
      </h2>
      {props.isLoading ? (
        <div class="card-body">
          <SkeletonRows count={5} />
        </div>
      ) : (
        <table class="fleet-table">
          <thead>
            <tr>
              <th scope="col">device</th>
              {props.columns.map(([heading, meaning]) => (
                <th scope="col" title={meaning}>
                  {heading}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>{props.children}</tbody>
        </table>
      )}
    </section>
  );
}

function EmptyRow({ columns, text }: { columns: number; text: string }) {
  return (
    <tr>
      <td class="muted" colSpan={columns}>
        {text}
      </td>
    </tr>
  );
}
