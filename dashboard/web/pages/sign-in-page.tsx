import { useState } from "preact/hooks";
import { type ApiError, toApiError } from "../state/api-client.ts";
import { useApp } from "../state/app-state.ts";

/** For those who come without the printed link. */
export function SignInPage({ error }: { error: ApiError | null }) {
  const app = useApp();
  const [token, setToken] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<ApiError | null>(null);
  // The reason to be here may be known only after this page is shown.
  const refusal = answer ?? error;
  const formOnSubmit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await app.signIn({ token: token.trim() });
    } catch (thrown) {
      setAnswer(toApiError(thrown));
      setBusy(false);
    }
  };
  return (
    <main class="sign-in" data-testid="sign-in">
      <form class="card" onSubmit={(event) => void formOnSubmit(event)}>
        <h1>Sign in to Millrace</h1>
        <p class="muted">
          Open the link that the start printed, or paste the admin token. A link signs in once, within an hour;{" "}
          <code>millrace link</code> prints a new one.
        </p>
        <label class="field">
          <span>Admin token</span>
          <input
            type="password"
            name="token"
            autocomplete="current-password"
            autofocus
            required
            value={token}
            aria-invalid={refusal !== null}
            aria-describedby="sign-in-error"
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        <div id="sign-in-error" class="sign-in-error" role="alert">
          {refusal !== null && (
            <p>
              {refusal.message} {refusal.remedy}
            </p>
          )}
        </div>
        <button type="submit" class="button button-primary" disabled={isBusy || token.trim() === ""}>
          {isBusy ? "Signing in…" : "Sign in"}
        </button>
      </form>
    </main>
  );
}
