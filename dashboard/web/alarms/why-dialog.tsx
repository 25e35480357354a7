import { useEffect, useRef, useState } from "preact/hooks";
import { type ApiError, isAbort, toApiError } from "../state/api-client.ts";
import { useApp } from "../state/app-state.ts";
import { devicePath } from "../model/route.ts";
import { Fact } from "../ui/fact.tsx";
import { Icon } from "../ui/icon.tsx";
import { ErrorState, SkeletonRows } from "../ui/notices.tsx";
import type { ExplainedMessage, Explanation } from "../../../core/why.ts";
import type { AlarmState } from "../../../core/registry.ts";

type Transition = "raised" | "cleared";

/** Why an alarm was raised or cleared: the messages, the state that they met, and whether they give it again. */
export function WhyDialog({ alarm, onClose }: { alarm: AlarmState; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [transition, setTransition] = useState<Transition>("raised");
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      class="dialog dialog-medium"
      aria-labelledby="why-title"
      data-testid="why-dialog"
      onClose={onClose}
      onClick={(event) => {
        if (event.target === event.currentTarget) event.currentTarget.close();
      }}
    >
      <div class="dialog-body">
        <header>
          <h2 id="why-title">Why? {alarm.message}</h2>
          <button type="button" class="icon-button" aria-label="Close" onClick={() => dialog.current?.close()}>
            <Icon name="close" />
          </button>
        </header>
        {alarm.clearedAt !== null && <TransitionChoice chosen={transition} onChoose={setTransition} />}
        <Explained key={transition} alarm={alarm} transition={transition} />
      </div>
    </dialog>
  );
}

function TransitionChoice({ chosen, onChoose }: { chosen: Transition; onChoose: (transition: Transition) => void }) {
  return (
    <div class="segmented" role="group" aria-label="Explain">
      {(["raised", "cleared"] as const).map((one) => (
        <button type="button" aria-pressed={one === chosen} onClick={() => onChoose(one)}>
          Why {one}
        </button>
      ))}
    </div>
  );
}

function Explained({ alarm, transition }: { alarm: AlarmState; transition: Transition }) {
  const { api } = useApp();
  const [found, setFound] = useState<Explanation | ApiError | null>(null);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    setFound(null);
    api
      .whyAlarm(alarm.id, transition, stop.signal)
      .then(setFound)
      .catch((thrown: unknown) => {
        if (!isAbort(thrown)) setFound(toApiError(thrown));
      });
    return () => stop.abort();
  }, [alarm.id, transition, attempt]);
  if (found === null) return <SkeletonRows count={4} />;
  if (found instanceof Error) return <ErrorState error={found} onRetry={() => setAttempt((n) => n + 1)} />;
  return <Facts explanation={found} device={alarm.device} />;
}

function Facts({ explanation, device }: { explanation: Explanation; device: string }) {
  const { settings } = useApp();
  const time = settings.time.value;
  const { counts, source, isReproduced, notes } = explanation;
  return (
    <>
      <dl class="fact-list">
        <Fact name="Device">
          <a href={devicePath(device)}>{device}</a>
        </Fact>
        <Fact name="Made by">{explanation.function}</Fact>
        <Fact name="Made at">
          {time.exact(explanation.madeAt)} {time.zoneName(explanation.madeAt)}
        </Fact>
        <Fact name="Made of">
          {counts.causes} of {counts.messages} messages looked at
        </Fact>
        <Fact name="In the log">{`${source.topic}/${source.partition}/${source.offset}`}</Fact>
        <Fact name="Proof">
          {isReproduced ? "These messages, run again, give this very alarm." : "Not reproduced."}
        </Fact>
      </dl>
      {notes.map((note) => (
        <p class="notice">{note}</p>
      ))}
      <h3>Messages</h3>
      <Messages messages={explanation.messages.filter(({ isCause }) => isCause)} />
      <h3>State before</h3>
      <pre class="payload" tabIndex={0}>
        {stateText(explanation.before)}
      </pre>
      <h3>State after</h3>
      <pre class="payload" tabIndex={0}>
        {stateText(explanation.after)}
      </pre>
    </>
  );
}

function Messages({ messages }: { messages: readonly ExplainedMessage[] }) {
  const { settings } = useApp();
  const time = settings.time.value;
  if (messages.length === 0) return <p class="muted">None: it is the silence that made it.</p>;
  return (
    <div class="dialog-scroll why-messages">
      <table>
        <thead>
          <tr>
            <th scope="col">Event time</th>
            <th scope="col">Values</th>
            <th scope="col">Offset</th>
          </tr>
        </thead>
        <tbody>
          {messages.flatMap(({ offset, readings }) =>
            readings.map(({ ts, metrics }) => (
              <tr>
                <td class="number">{time.exact(ts)}</td>
                <td>{valuesText(metrics)}</td>
                <td class="number">{offset}</td>
              </tr>
            )),
          )}
        </tbody>
      </table>
    </div>
  );
}

function valuesText(metrics: Readonly<Record<string, unknown>>): string {
  return Object.entries(metrics)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(", ");
}

function stateText(slots: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(slots).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  return lines.length === 0 ? "(nothing)" : lines.join("\n");
}
