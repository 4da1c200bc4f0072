import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { parsePostHog } from '../../ingest/parse-posthog.ts'
import { readJson } from '../../ingest/parse-request.ts'
import { isObject } from '../../ingest/validate-event.ts'
import type { ApiApp } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import {
  acceptedSchema,
  type EventDoor,
  type EventForm,
  eventHandler,
  preflight,
  rejectedJson,
  unknownKey,
  writeKeySecurity,
} from '../event-door.ts'
import { sendFault } from '../problem.ts'

/** PostHog's clients: their events, and flags, of which there are none here. */
export function posthogRoutes(app: ApiApp, door: EventDoor): void {
  for (const path of eventPaths) {
    const schema = path === '/batch' || path === '/capture' ? documentationOf(path) : { hide: true }
    app.post(path, { schema: schema as object }, eventHandler(door, posthogForm))
    app.options(path, { schema: { hide: true } as object }, preflight)
  }
  for (const path of ['/flags', '/decide']) {
    app.post(path, { schema: { hide: true } as object }, flagsHandler(door))
    app.options(path, { schema: { hide: true } as object }, preflight)
  }
  app.get('/flags/definitions', { schema: { hide: true } as object }, definitionsHandler(door))
}

/** Of server clients, of browsers (`/i/v0/e`, before that `/e`), and of the public documentation. */
const eventPaths = ['/batch', '/capture', '/i/v0/e', '/e', '/track']

const posthogForm: EventForm = {
  read: parsePostHog,
  answer: (result) =>
    `{"status":1,"success":true,"accepted":${result.accepted},"rejected":${rejectedJson(result)}}`,
}

/** No flags, as a success: a client that gets a fault asks again, and holds up whoever waits for it. */
function flagsHandler(door: EventDoor) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const read = readJson((request.body as Buffer | undefined) ?? Buffer.alloc(0))
    if ('code' in read) return sendFault(reply, read)
    const { token, api_key: apiKey } = isObject(read.value) ? read.value : {}
    if (!(await isKnown(door, request, token ?? apiKey))) return sendFault(reply, unknownKey)
    return reply.send({
      flags: {},
      featureFlags: {},
      featureFlagPayloads: {},
      errorsWhileComputingFlags: false,
      requestId: request.id,
      supportedCompression: ['gzip', 'gzip-js'],
      sessionRecording: false,
    })
  }
}

function definitionsHandler(door: EventDoor) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const { token } = request.query as Record<string, unknown>
    if (!(await isKnown(door, request, token))) return sendFault(reply, unknownKey)
    return reply.send({ flags: [], group_type_mapping: {}, cohorts: {} })
  }
}

async function isKnown({ auth }: EventDoor, request: FastifyRequest, key: unknown): Promise<boolean> {
  if (principalOf(request) !== null) return true
  return typeof key === 'string' && key !== '' && (await auth.find(key, 'write')) !== null
}

function documentationOf(path: string) {
  return {
    tags: ['events'],
    summary: path === '/batch' ? 'Take a batch of PostHog events' : 'Take one PostHog event',
    description:
      'The body is as the public PostHog API has it, plain or compressed. The write key is the body’s api_key or token.',
    security: writeKeySecurity,
    response: { 200: acceptedSchema.extend({ status: z.literal(1) }) },
  }
}
