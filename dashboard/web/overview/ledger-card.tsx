import type { LedgerReport, Overview } from "../../../core/overview.ts";
import { formatCount } from "../model/format-number.ts";
import { DEAD_LETTER } from "../model/reject-list.ts";
import { useApp } from "../state/app-state.ts";
import { Icon } from "../ui/icon.tsx";
import { SkeletonRows } from "../ui/notices.tsx";

type LedgerLine = readonly [name: string, label: string, count: number, isLoss?: boolean];

/** Lines whose messages can be looked at one by one. */
const LINKS: Readonly<Record<string, string>> = {
  quarantined: "/rejects",
  "dead-lettered": `/rejects?reason=${DEAD_LETTER}`,
  "values-quarantined": "/rejects",
  "functions-dead-lettered": `/rejects?reason=${DEAD_LETTER}`,
};

/** Where every message and every value went: the two sums, and what they differ by. */
export function LedgerCard() {
  const overview = useApp().live.overview.value;
  return (
    <section class="card area-ledger" aria-labelledby="ledger-title">
      <h2 class="card-title" id="ledger-title">
        Ledger
      </h2>
      {!overview ? (
        <div class="card-body">
          <SkeletonRows count={9} />
        </div>
      ) : (
        <div class="ledger">
          <MessageLedger ledger={overview.ledger} functions={overview.functions} />
          <ValueLedger ledger={overview.ledger} />
        </div>
      )}
    </section>
  );
}

function MessageLedger({ ledger: { messages, late }, functions }: Pick<Overview, "ledger" | "functions">) {
  return (
    <LedgerTable
      caption="Messages"
      total={["admitted", "admitted", messages.admitted]}
      lines={[
        ["processed", "processed", messages.processed],
        ["duplicate", "duplicate", messages.duplicate],
        ["quarantined", "quarantined", messages.quarantined],
        ["dead-lettered", "dead-lettered", messages.deadLettered, true],
        ["expired", "expired", messages.expired],
        ["corrupt", "corrupt", messages.corrupt, true],
        ["in-flight", "in flight", messages.inFlight],
      ]}
      difference={["difference", messages.difference]}
      foot={`${formatCount(late.dropped)} readings too late for their window, ${formatCount(late.forAlarm)} for an alarm`}
      beside={
        functions.deadLetters === null
          ? null
          : ["functions-dead-lettered", "functions' dead letters", functions.deadLetters, true]
      }
    />
  );
}

function ValueLedger({ ledger: { values } }: { ledger: LedgerReport }) {
  return (
    <LedgerTable
      caption="Values"
      total={["values-produced", "produced", values.produced]}
      lines={[
        ["values-stored", "stored", values.stored],
        ["values-filtered", "filtered", values.filtered],
        ["values-quarantined", "quarantined", values.quarantined],
        ["values-in-flight", "in flight", values.inFlight],
      ]}
      difference={values.checked ? ["values-difference", values.difference] : null}
      foot={values.checked ? "" : "Nothing stores readings: this sum is not checked."}
      beside={null}
    />
  );
}

function LedgerTable(props: {
  caption: string;
  total: LedgerLine;
  lines: readonly LedgerLine[];
  difference: readonly [name: string, count: number] | null;
  foot: string;
  /** What belongs to none of the sums. */
  beside: LedgerLine | null;
}) {
  const { caption, total, lines, difference, foot, beside } = props;
  return (
    <table class="ledger-table">
      <caption>{caption}</caption>
      <thead>
        <LedgerRow line={total} />
      </thead>
      <tbody>
        {lines.map((line) => (
          <LedgerRow key={line[0]} line={line} />
        ))}
      </tbody>
      <tfoot>
        {difference !== null && (
          <tr class={difference[1] === 0 ? "is-balanced" : "is-unbalanced"}>
            <th scope="row">
              <Icon name={difference[1] === 0 ? "check" : "warning"} /> difference
            </th>
            <td class="number" data-testid={`ledger-${difference[0]}`} data-value={difference[1]}>
              {formatCount(difference[1])}
            </td>
          </tr>
        )}
        {beside !== null && <LedgerRow line={beside} />}
        {foot !== "" && (
          <tr class="ledger-foot">
            <td colSpan={2}>{foot}</td>
          </tr>
        )}
      </tfoot>
    </table>
  );
}

function LedgerRow({ line: [name, label, count, isLoss = false] }: { line: LedgerLine }) {
  const link = LINKS[name];
  return (
    <tr class={count === 0 ? "is-zero" : isLoss ? "is-loss" : ""}>
      <th scope="row">{link === undefined ? label : <a href={link}>{label}</a>}</th>
      <td class="number" data-testid={`ledger-${name}`} data-value={count}>
        {formatCount(count)}
      </td>
    </tr>
  );
}
