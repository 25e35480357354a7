import { createServer } from "node:net";
import { Aedes } from "aedes";

/** A process with a bare aedes. Its first message starts it; it answers with its port. */
process.once("disconnect", () => process.exit(1));
process.once("message", () => void serve());

async function serve(): Promise<void> {
  const aedes = await Aedes.createBroker();
  const server = createServer({ noDelay: true }, aedes.handle);
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    process.send?.({ port: typeof address === "object" ? address?.port : 0 });
  });
}
