import { useApp } from "../state/app-state.ts";
import { Icon } from "./icon.tsx";

/** Says that what is below stands still, since when, and what happens next. */
export function ConnectionBanner() {
  const { live, settings, clock } = useApp();
  const { socket } = live;
  if (socket.state.value !== "lost") return null;
  // Reading the clock renders the countdown anew each second.
  const now = clock.now.value;
  const waitSeconds = Math.max(0, Math.ceil((socket.retryAt.value - Date.now()) / 1000));
  return (
    <div class="banner" role="alert" data-testid="connection-banner">
      <Icon name="unplugged" size={20} />
      <p>
        <strong>Connection lost.</strong> Everything below is as of{" "}
        <span class="number">{settings.time.value.short(socket.lostAt.value, now)}</span>.{" "}
        <span class="number">{waitSeconds > 0 ? `Trying again in ${waitSeconds} s.` : "Trying again…"}</span>
      </p>
      <button type="button" class="button" onClick={() => socket.connect()}>
        Retry now
      </button>
    </div>
  );
}
