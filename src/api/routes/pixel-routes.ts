import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { parseRequest } from '../../ingest/parse-request.ts'
import { isObject } from '../../ingest/validate-event.ts'
import type { ApiApp } from '../api-app.ts'
import type { Principal } from '../auth.ts'
import type { EventDoor } from '../event-door.ts'
import { sendFault } from '../problem.ts'
import { sendPixel } from '../send-page.ts'

/**
 * Segment's pixel: an image whose address is an event. Everybody who looks at a page or a mail fetches it,
 * programs too: what it says is counted, sets no traits, joins no ids and triggers nothing. Identify, alias
 * and group have no pixel here.
 */
export function pixelRoutes(app: ApiApp, door: EventDoor): void {
  for (const kind of ['track', 'page', 'screen'] as const) {
    app.get(`/v1/pixel/${kind}`, { schema: documentationOf(kind) }, pixelHandler(door, kind))
  }
}

function pixelHandler({ ingest, auth, wallClock }: EventDoor, kind: 'track' | 'page' | 'screen') {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const receivedAt = wallClock.now()
    const body = bodyOf(request.query as Record<string, unknown>)
    const parsed = parseRequest(Buffer.from(body), kind, ingest.limits)
    if ('events' in parsed) {
      const principal =
        request.getDecorator<Principal | null>('principal') ??
        (parsed.writeKey === null ? null : await auth.find(parsed.writeKey, 'write'))
      if (principal !== null) {
        const events = parsed.events.map(withoutTraits)
        const result = await ingest.ingest(
          principal.workspace,
          { ...parsed, events, imported: true },
          receivedAt,
        )
        if (result.kind === 'fault') return sendFault(reply, result.fault)
      }
    }
    // Nobody reads the answer to an image: what cannot be taken gets it too, as Segment has it.
    return sendPixel(reply)
  }
}

/** `data` is base64 of the event's JSON, or its fields stand in the address: `properties.price=5`. */
function bodyOf({ data, ...fields }: Record<string, unknown>): string {
  if (typeof data === 'string') {
    const text = data.replaceAll(' ', '+')
    return text.startsWith('{') ? data : Buffer.from(text, 'base64').toString()
  }
  const event: Record<string, unknown> = {}
  for (const [path, value] of Object.entries(fields)) {
    const [first = '', ...rest] = path.split('.')
    if (rest.length === 0) event[first] = value
    else {
      const inner = isObject(event[first]) ? event[first] : {}
      event[first] = { ...inner, [rest.join('.')]: value }
    }
  }
  return JSON.stringify(event)
}

function withoutTraits(event: unknown): unknown {
  if (!isObject(event)) return event
  const { traits: _traits, context, ...others } = event
  if (!isObject(context)) return { ...others, ...(context !== undefined && { context }) }
  const { traits: _inner, traitsOnce: _once, ...rest } = context
  return { ...others, context: rest }
}

function documentationOf(kind: string) {
  return {
    tags: ['events'],
    summary: `Take one ${kind} event by an image`,
    description:
      'It is counted, sets no traits, joins no ids and triggers nothing. The answer is always an image.',
    querystring: z.looseObject({
      data: z.string().optional().describe('The event with its writeKey, as base64 of its JSON.'),
    }),
    response: {
      200: z.any().describe('An image of one transparent pixel.'),
    },
  }
}
