import type { Overview } from "../../../core/overview.ts";
import { formatCount } from "./format-number.ts";
import { hopTitle } from "./hop-title.ts";

export interface StateSentence {
  readonly tone: "ok" | "attention";
  readonly text: string;
}

/** The whole installation in one sentence: what is wrong first. */
export function stateSentence({ devices, alarms, faults, hops, ledger }: Overview): StateSentence {
  const parts: string[] = [];
  if (faults.length > 0) parts.push(plural(faults.length, "platform fault"));
  const stopped = hops.filter(({ state }) => state === "stopped").map(({ name }) => hopTitle(name));
  if (stopped.length > 0) parts.push(`${stopped.join(" and ")} stopped`);
  if (ledger.messages.difference !== 0 || (ledger.values.checked && ledger.values.difference !== 0)) {
    parts.push("the ledger does not balance");
  }
  if (alarms.active > 0) parts.push(plural(alarms.active, "active alarm"));
  if (devices.silent > 0) parts.push(`${formatCount(devices.silent)} of ${plural(devices.total, "device")} silent`);
  if (parts.length > 0) return { tone: "attention", text: capital(`${parts.join("; ")}.`) };
  if (devices.total === 0) return { tone: "ok", text: "Ready. No device has been added yet." };
  return { tone: "ok", text: reportingText(devices) };
}

/** Devices that never sent anything are neither reporting nor silent. */
function reportingText({ total, reporting }: Overview["devices"]): string {
  if (reporting === 0) {
    return total === 1
      ? "Ready. The one device has not reported yet."
      : `Ready. None of ${formatCount(total)} devices has reported yet.`;
  }
  if (total === 1) return "The one device is reporting; no active alarms.";
  if (reporting < total)
    return `${formatCount(reporting)} of ${formatCount(total)} devices are reporting, the others never have; no active alarms.`;
  return `All ${formatCount(total)} devices are reporting; no active alarms.`;
}

function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
