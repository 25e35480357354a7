import fastifySwagger, { type SwaggerTransformObject } from "@fastify/swagger";
import { jsonSchemaTransform } from "fastify-type-provider-zod";
import { z } from "zod";
import { problemAnswer } from "./answer-shapes.ts";
import type { ZodApp } from "./route-context.ts";

const PROBLEM_RESPONSE = "#/components/responses/Problem";

/** Collects the routes that are registered after it. The document is made from their schemas alone. */
export async function registerOpenApi(app: ZodApp): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Millrace",
        version: "1",
        description: [
          "Devices, history, alarms and configuration of one Millrace installation.",
          "Times are UTC milliseconds. The tenant comes from the credential.",
          "A change answers when its control records are in the log; with the header `Millrace-Pending: true` they still follow.",
          "Errors are RFC 9457 problems: decide by `code`, show `detail` and `remedy`.",
        ].join(" "),
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      // Relative: the file is the same wherever the API listens.
      servers: [{ url: "/" }],
      security: [{ adminToken: [] }, { session: [] }],
      components: {
        securitySchemes: {
          adminToken: { type: "http", scheme: "bearer" },
          session: { type: "apiKey", in: "cookie", name: "millrace_session" },
        },
      },
    },
    transform: jsonSchemaTransform,
    transformObject: addProblems,
  });
}

/** Every operation may answer with a problem: said once, referred to everywhere. */
const addProblems: SwaggerTransformObject = (document) => {
  if (!("openapiObject" in document)) return document.swaggerObject;
  const { openapiObject } = document;
  const schema = z.toJSONSchema(problemAnswer, { io: "output" });
  delete schema.$schema;
  for (const path of Object.values(openapiObject.paths ?? {})) {
    for (const operation of Object.values(path ?? {})) {
      if (typeof operation === "object" && "responses" in operation) {
        Object.assign(operation.responses ?? {}, { default: { $ref: PROBLEM_RESPONSE } });
      }
    }
  }
  const Problem = { description: "What went wrong", content: { "application/problem+json": { schema } } };
  Object.assign(openapiObject.components ?? {}, { responses: { Problem } });
  return openapiObject;
};
