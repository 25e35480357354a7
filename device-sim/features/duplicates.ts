import type { DeliveryFeature, FeatureContext, Parcel } from "./feature.ts";

const SHARE = 0.01;

/** Firmware that did not see its acknowledgement: the same bytes again, before the next message. */
export function duplicates({ random }: FeatureContext): DeliveryFeature {
  let again: Parcel | null = null;
  return (parcels) => {
    const out = again === null ? parcels : [again, ...parcels];
    // Drawn at every call, so that what the other features do to the messages does not shift this stream.
    const repeats = random.next() < SHARE;
    again = repeats ? (parcels.at(-1) ?? null) : null;
    return out;
  };
}
