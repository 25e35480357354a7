/**
 * Loads what processes of an installation on Kafka load, so that Node writes down what it has compiled (NODE_COMPILE_CACHE): a pod then starts with
 * half of the CPU. Run once when the image is made, as the user that the pods run as, since Node keeps one for each.
 */
await Promise.all([
  import("../../app/cli.ts"),
  import("../../app/bare-program.ts"),
  import("../../app/commands/add-start-command.ts"),
  import("../../app/commands/start.ts"),
  import("../../app/create-gateway.ts"),
  import("../../app/start-services.ts"),
  import("../../app/table-readers.ts"),
  import("../../app/threads/run-stage-thread.ts"),
  import("../../processors/main-stage.ts"),
  import("../../app/open-kafka.ts"),
  import("../../log/kafka/open-kafka-log.ts"),
  import("../../log/kafka/platformatic-client.ts"),
  import("../../registry/postgres/postgres-engine.ts"),
  import("../../sinks/clickhouse/clickhouse-sink.ts"),
  import("../../api/register-api.ts"),
  import("../../api/scaler/scaler-server.ts"),
]);
