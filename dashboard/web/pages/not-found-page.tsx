import { useApp } from "../state/app-state.ts";
import { EmptyState } from "../ui/notices.tsx";

export function NotFoundPage() {
  // Read so that another address which is no page either names itself.
  void useApp().router.route.value;
  return (
    <EmptyState title={`There is no page ${location.pathname}.`}>
      <p>
        <a href="/">Go to the overview</a>, <a href="/devices">the devices</a> or <a href="/alarms">the alarms</a>
      </p>
    </EmptyState>
  );
}
