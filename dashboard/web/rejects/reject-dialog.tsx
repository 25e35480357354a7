import { useEffect, useRef } from "preact/hooks";
import { reasonMeaning } from "../model/quarantine-reasons.ts";
import { DEAD_LETTER, type Reject } from "../model/reject-list.ts";
import { devicePath } from "../model/route.ts";
import { useApp } from "../state/app-state.ts";
import { Fact } from "../ui/fact.tsx";
import { Icon } from "../ui/icon.tsx";

/** All that is known of one reject, and where to go from it. */
export function RejectDialog({ reject, onClose }: { reject: Reject; onClose: () => void }) {
  const { settings, router } = useApp();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const time = settings.time.value;
  const when = (ts: number) => `${time.exact(ts)} ${time.zoneName(ts)}`;
  const show = (changes: Readonly<Record<string, string>>) => {
    dialog.current?.close();
    router.setQuery(changes, { push: true });
  };
  return (
    <dialog
      ref={dialog}
      class="dialog dialog-medium"
      aria-labelledby="reject-title"
      onClose={onClose}
      onClick={(event) => {
        if (event.target === event.currentTarget) event.currentTarget.close();
      }}
    >
      <div class="dialog-body">
        <header>
          <h2 id="reject-title">{reject.reason === DEAD_LETTER ? "Dead letter" : "Quarantined"}</h2>
          <button type="button" class="icon-button" aria-label="Close" onClick={() => dialog.current?.close()}>
            <Icon name="close" />
          </button>
        </header>
        <dl class="fact-list">
          <Fact name="Reason">
            <span title={reasonMeaning(reject.reason)}>{reject.reason}</span>
            <FilterButton text="Only this reason" onClick={() => show({ reason: reject.reason })} />
          </Fact>
          <Fact name="What was wrong">{reject.detail}</Fact>
          <Fact name="Device">
            <a href={devicePath(reject.device)}>{reject.device}</a>
            <FilterButton text="Only this device" onClick={() => show({ device: reject.device })} />
          </Fact>
          {reject.metric !== null && <Fact name="Metric">{reject.metric}</Fact>}
          <Fact name="Received">{when(reject.received)}</Fact>
          {reject.ts !== null && <Fact name="Event time">{when(reject.ts)}</Fact>}
          <Fact name="In the log">{reject.source}</Fact>
        </dl>
        <h3>Payload</h3>
        <pre class="payload" tabIndex={0}>
          {reject.payload === "" ? "(empty)" : reject.payload}
        </pre>
        {reject.stack !== null && (
          <>
            <h3>Stack</h3>
            <pre class="payload" tabIndex={0}>
              {reject.stack}
            </pre>
          </>
        )}
      </div>
    </dialog>
  );
}

function FilterButton({ text, onClick }: { text: string; onClick: () => void }) {
  return (
    <button type="button" class="text-button" onClick={onClick}>
      {text}
    </button>
  );
}
