import { useApp } from "../state/app-state.ts";
import type { ThemeChoice } from "../state/display-settings.ts";
import { Icon, type IconName } from "./icon.tsx";

const LINKS = [
  { path: "/", page: "overview", label: "Overview", icon: "overview", key: "g o" },
  { path: "/devices", page: "devices", label: "Devices", icon: "devices", key: "g d" },
  { path: "/alarms", page: "alarms", label: "Alarms", icon: "alarms", key: "g a" },
  { path: "/rejects", page: "rejects", label: "Rejects", icon: "rejects", key: "g q" },
  { path: "/partitions", page: "partitions", label: "Partitions", icon: "partitions", key: "g p" },
  { path: "/slow", page: "slow", label: "Slow", icon: "slow", key: "g s" },
] as const;

const NEXT_THEME: Readonly<Record<ThemeChoice, ThemeChoice>> = { auto: "light", light: "dark", dark: "auto" };
const THEME_ICON: Readonly<Record<ThemeChoice, IconName>> = { auto: "auto", light: "sun", dark: "moon" };

export function TopBar({ onHelp }: { onHelp: () => void }) {
  return (
    <header class="top-bar">
      <a class="brand" href="/" aria-label="Millrace, overview">
        <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
          <path d="M2 6c3.5 0 3.5 3 8 3s4.5-3 8-3M2 12c3.5 0 3.5 3 8 3s4.5-3 8-3" />
        </svg>
        <span>Millrace</span>
      </a>
      <Navigation />
      <div class="top-bar-end">
        <ConnectionState />
        <ZoneSwitch />
        <ThemeSwitch />
        <button
          type="button"
          class="icon-button help-button"
          onClick={onHelp}
          aria-label="Keyboard help"
          title="Keyboard help (?)"
        >
          ?
        </button>
        <SignOutButton />
      </div>
    </header>
  );
}

function Navigation() {
  const { router, alarms } = useApp();
  const page = router.route.value.page;
  const active = alarms.active.value;
  const worst = active[0]?.severity;
  return (
    <nav class="main-nav" aria-label="Pages">
      {LINKS.map((link) => {
        const isCurrent = page === link.page || (page === "device" && link.page === "devices");
        return (
          <a href={link.path} aria-current={isCurrent ? "page" : undefined} title={`${link.label} (${link.key})`}>
            <Icon name={link.icon} />
            <span class="steady-label" data-text={link.label}>
              {link.label}
            </span>
            {link.page === "alarms" && worst !== undefined && (
              <span class={`badge badge-${worst}`} aria-label={`${active.length} active`}>
                {active.length > 999 ? "999+" : active.length}
              </span>
            )}
          </a>
        );
      })}
    </nav>
  );
}

function ConnectionState() {
  const state = useApp().live.socket.state.value;
  const text = { open: "Live", connecting: "Connecting", lost: "Offline" }[state];
  return (
    <span class={`connection connection-${state}`} role="status">
      <span class="connection-dot" />
      {text}
    </span>
  );
}

function ZoneSwitch() {
  const { settings, clock } = useApp();
  const isUtc = settings.zone.value === "utc";
  const name = settings.time.value.zoneName(clock.now.peek());
  return (
    <button
      type="button"
      class="text-button zone-switch"
      title={`Times are shown in ${name}. Click for ${isUtc ? "local time" : "UTC"}.`}
      onClick={() => (settings.zone.value = isUtc ? "local" : "utc")}
    >
      {isUtc ? "UTC" : (name.split(", ")[1] ?? name)}
      <span class="visually-hidden">time zone, switch to {isUtc ? "local time" : "UTC"}</span>
    </button>
  );
}

function ThemeSwitch() {
  const { theme } = useApp().settings;
  const label = `Theme: ${theme.value}. Switch to ${NEXT_THEME[theme.value]}.`;
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={label}
      title={label}
      onClick={() => (theme.value = NEXT_THEME[theme.value])}
    >
      <Icon name={THEME_ICON[theme.value]} />
    </button>
  );
}

function SignOutButton() {
  const app = useApp();
  return (
    <button type="button" class="icon-button" aria-label="Sign out" title="Sign out" onClick={() => void app.signOut()}>
      <Icon name="signOut" />
    </button>
  );
}
