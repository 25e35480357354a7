import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { MillraceError } from "../../core/errors.ts";

/** The Apache Kafka that is tested against. */
export const KAFKA_VERSION = "4.3.1";

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>millrace</groupId>
  <artifactId>kafka-libraries</artifactId>
  <version>${KAFKA_VERSION}</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>${KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka-tools</artifactId>
      <version>${KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
`;

/** Null when brokers can be started on this machine, else what is missing. */
export function missingForKafka(): string | null {
  for (const [command, flag] of [
    ["java", "-version"],
    ["mvn", "--version"],
  ] as const) {
    if (spawnSync(command, [flag], { stdio: "ignore" }).status !== 0) return command;
  }
  return null;
}

/**
 * The folder with Kafka's jars, fetched from Maven Central when they are not there with its command-line tools (54 MB). CONFIG_INVALID where Java or Maven are not
 * installed, or Maven cannot fetch them.
 */
export function kafkaLibraries(
  directory = join(homedir(), ".cache", "millrace", `kafka-${KAFKA_VERSION}-with-tools`),
): string {
  if (existsSync(directory)) return directory;
  const missing = missingForKafka();
  if (missing !== null) {
    throw new MillraceError("CONFIG_INVALID", `Kafka needs ${missing}, which cannot be run here`, {
      remedy: "Install Java 17 or newer and Maven, for example `apt-get install openjdk-17-jre-headless maven`.",
    });
  }
  const unfinished = `${directory}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  writeFileSync(join(unfinished, "pom.xml"), POM);
  const { status, stdout } = spawnSync(
    "mvn",
    ["--quiet", "--batch-mode", "dependency:copy-dependencies", `-DoutputDirectory=${unfinished}`],
    { cwd: unfinished, encoding: "utf8" },
  );
  if (status !== 0) {
    rmSync(unfinished, { recursive: true, force: true });
    throw new MillraceError("CONFIG_INVALID", `Maven cannot fetch Kafka ${KAFKA_VERSION}: ${lastLine(stdout)}`, {
      remedy: "Look whether this machine reaches Maven Central, and try again.",
    });
  }
  // Whole or not at all: another process may be fetching them too.
  if (existsSync(directory)) rmSync(unfinished, { recursive: true, force: true });
  else renameSync(unfinished, directory);
  return directory;
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "it says nothing";
}
