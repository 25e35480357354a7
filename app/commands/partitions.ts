import { EXIT, formatTable } from "./output.ts";
import type { ConsumerView, PartitionView } from "../../core/partition-view.ts";
import type { ApiClient } from "./api-client.ts";

/** `millrace partitions`: who works on which partition, and how far behind. */
export async function partitionsCommand(api: ApiClient, { json }: { readonly json: boolean }): Promise<number> {
  const view = await api.get<PartitionView>("/partitions");
  console.log(
    json ? JSON.stringify(view) : formatTable(["consumer", "partition", "position", "lag", "owner"], rows(view)),
  );
  return EXIT.ok;
}

function rows({ consumers }: PartitionView): (string | number)[][] {
  return consumers.flatMap((consumer) =>
    consumer.partitions.map(({ topic, partition, position, lag, owner }) => [
      consumer.name,
      `${topic}/${partition}`,
      position,
      lag,
      ownerText(consumer, owner),
    ]),
  );
}

function ownerText({ members }: ConsumerView, owner: string | null): string {
  if (members.length === 0) return "this process";
  return members.find(({ id }) => id === owner)?.label ?? "nobody";
}
