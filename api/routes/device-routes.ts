import { z } from "zod";
import { isMillraceError, MillraceError } from "../../core/errors.ts";
import { deviceKey } from "../../core/ids.ts";
import type { Device } from "../../core/registry.ts";
import { createdDeviceAnswer, deviceAnswer, pageOf, tokenAnswer } from "../answer-shapes.ts";
import type { ApiOptions } from "../api-options.ts";
import { deviceBody, devicePatchBody } from "../body-shapes.ts";
import { deviceListQuery, idParams } from "../query-shapes.ts";
import { settleConfiguration, type RouteContext, type ZodApp } from "../route-context.ts";

const tags = ["devices"];

export function deviceRoutes(app: ZodApp, context: RouteContext): void {
  readRoutes(app, context);
  createRoute(app, context);
  changeRoutes(app, context);
  removeRoute(app, context);
}

/** NOT_FOUND when the tenant has no such device. */
export async function knownDevice(options: ApiOptions, tenant: string, id: string): Promise<Device> {
  const device = await options.registry.devices.get(tenant, id);
  if (device) return device;
  throw new MillraceError("NOT_FOUND", `There is no device "${id}".`, { remedy: "GET /api/v1/devices lists them." });
}

function readRoutes(app: ZodApp, { options, gate }: RouteContext): void {
  app.get(
    "/devices",
    {
      schema: { tags, summary: "List devices", querystring: deviceListQuery, response: { 200: pageOf(deviceAnswer) } },
    },
    async ({ raw, query }) => options.registry.devices.list({ tenant: gate.principalOf(raw).tenant, ...query }),
  );
  app.get(
    "/devices/:id",
    { schema: { tags, summary: "One device", params: idParams, response: { 200: deviceAnswer } } },
    async ({ raw, params }) => knownDevice(options, gate.principalOf(raw).tenant, params.id),
  );
}

function createRoute(app: ZodApp, { options, gate }: RouteContext): void {
  // `put` also updates: of two requests that create the same device at once, one must lose.
  const underWay = new Set<string>();
  app.post(
    "/devices",
    { schema: { tags, summary: "Add a device", body: deviceBody, response: { 201: createdDeviceAnswer } } },
    async ({ raw, body }, reply) => {
      const { tenant, id: actor } = gate.principalOf(raw);
      const { devices, credentials } = options.registry;
      const key = deviceKey(tenant, body.id);
      if (underWay.has(key)) throw alreadyExists(body.id);
      underWay.add(key);
      try {
        if (await devices.get(tenant, body.id)) throw alreadyExists(body.id);
        await devices.put([{ tenant, ...body }], actor);
      } finally {
        underWay.delete(key);
      }
      const token = await credentials.issueDeviceToken(tenant, body.id, true, actor);
      await settleConfiguration(options, reply);
      void reply.code(201).header("location", `/api/v1/devices/${body.id}`);
      return { device: await knownDevice(options, tenant, body.id), token };
    },
  );
}

function changeRoutes(app: ZodApp, { options, gate }: RouteContext): void {
  app.patch(
    "/devices/:id",
    {
      schema: {
        tags,
        summary: "Change a device",
        params: idParams,
        body: devicePatchBody,
        response: { 200: deviceAnswer },
      },
    },
    async ({ raw, params: { id }, body }, reply) => {
      const { tenant, id: actor } = gate.principalOf(raw);
      await options.registry.devices.change(tenant, id, body, actor);
      await settleConfiguration(options, reply);
      return knownDevice(options, tenant, id);
    },
  );
  app.post(
    "/devices/:id/token",
    { schema: { tags, summary: "Rotate a device's token", params: idParams, response: { 200: tokenAnswer } } },
    async ({ raw, params: { id } }) => {
      const { tenant, id: actor } = gate.principalOf(raw);
      await knownDevice(options, tenant, id);
      return { token: await options.registry.credentials.issueDeviceToken(tenant, id, true, actor) };
    },
  );
}

function removeRoute(app: ZodApp, { options, gate }: RouteContext): void {
  app.delete(
    "/devices/:id",
    {
      schema: {
        tags,
        summary: "Remove a device and erase what it sent",
        params: idParams,
        response: { 204: z.null() },
      },
    },
    async ({ raw, params: { id } }, reply) => {
      const { tenant, id: actor } = gate.principalOf(raw);
      const missing = await missingError(options.registry.devices.remove(tenant, id, actor));
      if (missing === null) await settleConfiguration(options, reply);
      // Also for a device that is gone already: who asks again wants to know that it is erased.
      await options.eraseDevice?.(tenant, id);
      if (missing !== null) throw missing;
      return reply.code(204).send(null);
    },
  );
}

function alreadyExists(id: string): MillraceError {
  return new MillraceError("ALREADY_EXISTS", `There is a device "${id}" already.`, {
    remedy: `PATCH /api/v1/devices/${id} changes it.`,
  });
}

/** The NOT_FOUND of a call; null when it succeeded. Other errors reject. */
async function missingError(call: Promise<void>): Promise<MillraceError | null> {
  try {
    await call;
    return null;
  } catch (error) {
    if (isMillraceError(error, "NOT_FOUND")) return error;
    throw error;
  }
}
