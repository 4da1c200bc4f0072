import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { ApiApp } from '../api-app.ts'
import { type EventDoor, preflight } from '../event-door.ts'
import { sendFault } from '../problem.ts'

/** What Segment's browser and mobile clients ask their CDN for first: where events go. */
export function sourceSettingsRoutes(app: ApiApp, { auth, publicUrl }: EventDoor): void {
  const { protocol, host, pathname } = new URL(publicUrl)
  const apiHost = `${host}${pathname.replace(/\/+$/, '')}/v1`
  const path = '/v1/projects/:writeKey/settings'
  app.get(
    path,
    { schema: documentation as object },
    async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
      const { writeKey } = request.params as { writeKey: string }
      if ((await auth.find(writeKey, 'write')) === null) {
        return sendFault(reply, { code: 'not_found', detail: 'there is no source with that write key' })
      }
      return reply.send({
        integrations: {
          'Segment.io': {
            apiKey: writeKey,
            apiHost,
            protocol: protocol.slice(0, -1),
            unbundledIntegrations: [],
          },
        },
        plan: { track: {}, identify: {}, group: {} },
        edgeFunction: {},
        metrics: { sampleRate: 0 },
      })
    },
  )
  app.options(path, { schema: { hide: true } as object }, preflight)
}

const documentation = {
  tags: ['events'],
  summary: 'Where a client of this write key sends its events',
  description: 'What Segment’s browser and mobile clients read from their CDN before they send anything.',
  params: z.object({ writeKey: z.string() }),
  response: { 200: z.looseObject({ integrations: z.record(z.string(), z.looseObject({})) }) },
}
