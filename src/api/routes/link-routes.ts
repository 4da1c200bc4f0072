import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { createLinks } from '../../action/links.ts'
import { unsubscribe } from '../../action/unsubscribe.ts'
import { unsubscribedPage, unsubscribePage } from '../../action/unsubscribe-page.ts'
import { linkSecret } from '../../pipeline/first-start.ts'
import { createClicks } from '../../pipeline/record-click.ts'
import { setConsent } from '../../profile/consent-rows.ts'
import type { ApiRoutes } from '../api-app.ts'
import type { Doors } from '../doors.ts'
import { messagePage } from '../pages/message-page.ts'
import { sendFault } from '../problem.ts'
import { sendPage, wantsHtml } from '../send-page.ts'

const tokenParams = z.object({ token: z.string().max(8192) })
const oneClickBytesMax = 65_536

/** Where the links of messages lead. What they name stands in them, signed: no key, no cookie. */
export function linkRoutes({ store, log, clock, wallClock, settings, logger }: Doors): ApiRoutes {
  return async (app) => {
    const links = createLinks({ secret: await linkSecret(store), baseUrl: settings.publicUrl })
    const clicks = createClicks({ store, log, clock, wallClock })
    // Mailbox providers post a form, as multipart or not; whatever the body is, a "no" counts.
    app.removeAllContentTypeParsers()
    app.addContentTypeParser(
      '*',
      { parseAs: 'buffer', bodyLimit: oneClickBytesMax },
      (_request, body, done) => done(null, body),
    )

    app.get(
      '/u/:token',
      {
        schema: {
          tags: ['links'],
          summary: 'The page of an unsubscribe link; changes nothing',
          params: tokenParams,
        },
      },
      (request, reply) => {
        if (links.verifyUnsubscribe(request.params.token) === null) return refuse(request, reply)
        return sendPage(reply, unsubscribePage())
      },
    )

    app.post(
      '/u/:token',
      {
        schema: {
          tags: ['links'],
          summary: 'Unsubscribe, by the page’s button or in one click (RFC 8058)',
          description: 'The opt-out is in force before this is answered.',
          params: tokenParams,
          response: {
            200: z.object({ unsubscribed: z.literal(true), alreadySending: z.array(z.string()) }),
          },
        },
      },
      async (request, reply) => {
        const target = links.verifyUnsubscribe(request.params.token)
        const result =
          target === null
            ? ({ kind: 'not-found' } as const)
            : await unsubscribe(store, target, { setConsent }, clock.now())
        if (result.kind === 'not-found') return refuse(request, reply)
        const { alreadySending } = result
        if (wantsHtml(request.headers.accept)) return sendPage(reply, unsubscribedPage(alreadySending.length))
        return reply.send({ unsubscribed: true, alreadySending })
      },
    )

    app.get(
      '/c/:token',
      {
        schema: {
          tags: ['links'],
          summary: 'Count a click and go on to where the link leads',
          params: tokenParams,
        },
      },
      async (request, reply) => {
        const target = links.verifyClick(request.params.token)
        if (target === null || !/^https?:\/\//i.test(target.url)) return refuse(request, reply)
        const recorded = await clicks.record({
          ...target,
          method: request.method,
          userAgent: request.headers['user-agent'] ?? '',
        })
        // The reader goes on in any case: a full log must not break the links of messages sent.
        if (recorded !== 'recorded') logger.warn('a click was not counted', { reason: recorded })
        const untyped = reply as unknown as FastifyReply
        await untyped.header('cache-control', 'no-store').redirect(target.url, 302)
        return reply
      },
    )
  }
}

function refuse<Reply extends object>(request: FastifyRequest, reply: Reply): Reply {
  if (!wantsHtml(request.headers.accept)) {
    return sendFault(reply, { code: 'invalid_link', detail: 'the link is damaged, or not one of ours' })
  }
  ;(reply as unknown as FastifyReply).code(400)
  return sendPage(
    reply,
    messagePage(
      'This link does not work',
      'It is damaged, or not one of ours. Take it from the message once more.',
    ),
  )
}
