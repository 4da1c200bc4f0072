import { z } from 'zod'
import { createLinks } from '../../action/links.ts'
import { mailProvider, receiveBounce } from '../../pipeline/callbacks/receive-bounce.ts'
import { linkSecret } from '../../pipeline/first-start.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity } from '../shapes.ts'

/** A report may hold the whole mail that came back. */
const mailBytesMax = 32 * 1_048_576

export function bounceRoutes(doors: Doors): ApiRoutes {
  const { store, settings, callbackCounter } = doors
  return async (app) => {
    const links = createLinks({ secret: await linkSecret(store), baseUrl: settings.publicUrl })
    app.addContentTypeParser(
      'message/rfc822',
      { parseAs: 'buffer', bodyLimit: mailBytesMax },
      (_request, body, done) => done(null, body),
    )
    app.post(
      '/bounces',
      {
        schema: {
          tags: ['callbacks'],
          summary: 'Hand in a mail that came back',
          description:
            'The mail as it is (`message/rfc822`): a delivery report (RFC 3464) or a complaint (RFC 5965). A bounce for good and a complaint suppress the address before this is answered. Anything else is counted and left alone.',
          security: adminSecurity,
          querystring: z.object({
            recipient: z
              .string()
              .max(320)
              .default('')
              .describe('The address that the mail server took it for.'),
          }),
          response: {
            200: z.object({
              report: z.boolean().describe('False: it says nothing about a delivery.'),
              told: z.int().describe('Recipients that it tells of.'),
              known: z.int().describe('Of these, of messages of ours.'),
            }),
          },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const raw = request.body
        if (!Buffer.isBuffer(raw))
          return sendFault(reply, {
            code: 'invalid_request',
            detail: 'send the mail itself, as message/rfc822',
          })
        const { recipient } = request.query
        const received = await receiveBounce({ ...doors, links }, { workspace, raw, recipient })
        if (received.kind === 'full') {
          const { retryAfterSeconds } = received
          return sendFault(reply, { code: 'overloaded', detail: 'the log is full', retryAfterSeconds })
        }
        if (received.kind === 'unavailable')
          return sendFault(reply, { code: 'unavailable', detail: received.reason })
        const count = (outcome: 'unreadable' | 'unknown-message', of: number) =>
          callbackCounter.count(workspace, [{ provider: mailProvider, outcome, count: of }])
        if (received.kind === 'not-a-report') {
          count('unreadable', 1)
          return reply.send({ report: false, told: 0, known: 0 })
        }
        for (const [own, counts] of received.counts) callbackCounter.count(own, counts)
        if (received.unknown > 0) count('unknown-message', received.unknown)
        const { told, unknown } = received
        return reply.send({ report: true, told, known: told - unknown })
      },
    )
  }
}
