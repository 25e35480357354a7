import { EmptyState } from "../ui/notices.tsx";

export function NotFoundPage() {
  return (
    <EmptyState title="There is no such page.">
      <p>
        <a href="/">Go to the overview</a>
      </p>
    </EmptyState>
  );
}
