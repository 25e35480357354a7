import { useEffect } from "preact/hooks";
import { WhyDialog } from "./alarms/why-dialog.tsx";
import { AlarmsPage } from "./pages/alarms-page.tsx";
import { DevicePage } from "./pages/device-page.tsx";
import { DevicesPage } from "./pages/devices-page.tsx";
import { NotFoundPage } from "./pages/not-found-page.tsx";
import { OverviewPage } from "./pages/overview-page.tsx";
import { PartitionsPage } from "./pages/partitions-page.tsx";
import { RejectsPage } from "./pages/rejects-page.tsx";
import { SignInPage } from "./pages/sign-in-page.tsx";
import { SlowPage } from "./pages/slow-page.tsx";
import { useApp } from "./state/app-state.ts";
import { AlarmAnnouncer } from "./ui/alarm-announcer.tsx";
import { ConnectionBanner } from "./ui/connection-banner.tsx";
import { HelpDialog } from "./ui/help-dialog.tsx";
import { TopBar } from "./ui/top-bar.tsx";
import { useHotkeys } from "./ui/use-hotkeys.ts";

export function App() {
  const { session } = useApp();
  if (session.value.kind === "signed-out") return <SignInPage error={session.value.error} />;
  if (session.value.kind === "unknown") return <div class="boot" aria-busy="true" />;
  return <Shell />;
}

function Shell() {
  const { live, router, explained } = useApp();
  const help = useHotkeys();
  const isLost = live.socket.state.value === "lost";
  const route = router.route.value;
  const title = route.page === "device" ? route.id : route.page === "not-found" ? "Not found" : route.page;
  useEffect(() => {
    document.title = `${title.charAt(0).toUpperCase()}${title.slice(1)} · Millrace`;
  }, [title]);
  return (
    <>
      <a class="skip-link" href="#main">
        Skip to content
      </a>
      <TopBar onHelp={help.open} />
      <ConnectionBanner />
      <main id="main" class="page" data-connection={isLost ? "lost" : "ok"} tabIndex={-1}>
        <Page />
      </main>
      <AlarmAnnouncer />
      {help.isOpen && <HelpDialog onClose={help.close} />}
      {explained.value !== null && (
        <WhyDialog key={explained.value.id} alarm={explained.value} onClose={() => (explained.value = null)} />
      )}
    </>
  );
}

function Page() {
  const route = useApp().router.route.value;
  switch (route.page) {
    case "overview":
      return <OverviewPage />;
    case "devices":
      return <DevicesPage />;
    case "device":
      return <DevicePage key={route.id} id={route.id} />;
    case "alarms":
      return <AlarmsPage />;
    case "rejects":
      return <RejectsPage />;
    case "partitions":
      return <PartitionsPage />;
    case "slow":
      return <SlowPage />;
    case "not-found":
      return <NotFoundPage />;
  }
}
