import type { Addressee } from "./registry.ts";

const COPY = /^(.+)@([0-9a-f]{12})$/;

/** The id in the outbox of what goes to this addressee: of a copy it ends with the addressee's name. */
export function notificationId(id: string, addressee: Addressee): string {
  return addressee === null ? id : `${id}@${addressee}`;
}

/** The inverse of `notificationId`. */
export function parseNotificationId(id: string): { readonly id: string; readonly addressee: Addressee } {
  const [, own = id, addressee = null] = COPY.exec(id) ?? [];
  return { id: own, addressee };
}
