import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { LIMITS } from "../../../core/limits.ts";
import { CLOSE_CODE, LIVE_PATH, type ServerMessage, type WatchMessage } from "../../live-protocol.ts";

export interface LiveSocketOptions {
  onMessage(message: ServerMessage): void;
  /** The connection is there (again): everything may have changed meanwhile. */
  onOpen(): void;
  /** It ended or could not be made; the session may be over. */
  onFailed(isSignedOut: boolean): void;
}

export interface LiveSocket {
  /** `lost` only after it has been gone for a moment: a blink is not worth a banner. */
  readonly state: ReadonlySignal<"connecting" | "open" | "lost">;
  /** When the next attempt is due, browser time. */
  readonly retryAt: ReadonlySignal<number>;
  /** When the last message came before it was lost: what is shown is as of then. */
  readonly lostAt: ReadonlySignal<number>;
  send(message: WatchMessage): void;
  connect(): void;
  disconnect(): void;
}

const RETRY_MS_MIN = 500;
const GRACE_MS = 1500;
/** The overview comes every second: this much silence is a dead connection that the browser has not noticed. */
const SILENCE_TIMEOUT_MS = 8000;

export function createLiveSocket(options: LiveSocketOptions): LiveSocket {
  const isOpen = signal(false);
  const isLost = signal(false);
  const retryAt = signal(0);
  const lostAt = signal(0);
  let socket: WebSocket | null = null;
  let wanted = false;
  let attempts = 0;
  let lastMessageAt = Date.now();
  let retryTimer = 0;
  let graceTimer = 0;
  let silenceTimer = 0;

  function connect(): void {
    wanted = true;
    clearTimeout(retryTimer);
    if (socket !== null) return;
    const made = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${LIVE_PATH}`);
    socket = made;
    watchSilence(made);
    made.addEventListener("open", socketOnOpen);
    made.addEventListener("message", (event) => {
      lastMessageAt = Date.now();
      watchSilence(made);
      if (typeof event.data === "string") options.onMessage(JSON.parse(event.data) as ServerMessage);
    });
    made.addEventListener("close", (event) => {
      if (socket === made) socketOnGone(event.code === CLOSE_CODE.signedOut);
    });
  }

  function socketOnOpen(): void {
    attempts = 0;
    clearTimeout(graceTimer);
    graceTimer = 0;
    isOpen.value = true;
    isLost.value = false;
    options.onOpen();
  }

  function socketOnGone(isSignedOut: boolean): void {
    socket = null;
    clearTimeout(silenceTimer);
    if (isOpen.value || lostAt.value === 0) lostAt.value = lastMessageAt;
    isOpen.value = false;
    if (!wanted) return;
    if (graceTimer === 0) graceTimer = window.setTimeout(() => (isLost.value = wanted && !isOpen.value), GRACE_MS);
    const waitMs =
      Math.min(LIMITS.browserReconnectDelayMsMax, RETRY_MS_MIN * 2 ** attempts) * (0.75 + Math.random() / 2);
    attempts += 1;
    retryAt.value = Date.now() + waitMs;
    retryTimer = window.setTimeout(connect, waitMs);
    options.onFailed(isSignedOut);
  }

  function watchSilence(made: WebSocket): void {
    clearTimeout(silenceTimer);
    silenceTimer = window.setTimeout(() => {
      if (socket !== made) return;
      made.close();
      socketOnGone(false);
    }, SILENCE_TIMEOUT_MS);
  }

  return {
    state: computed(() => (isOpen.value ? "open" : isLost.value ? "lost" : "connecting")),
    retryAt,
    lostAt,
    connect,
    send(message) {
      if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    },
    disconnect() {
      wanted = false;
      clearTimeout(retryTimer);
      clearTimeout(graceTimer);
      graceTimer = 0;
      isLost.value = false;
      socket?.close();
    },
  };
}
