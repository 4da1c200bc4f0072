import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { createLinks, type LinkTarget } from '../../action/links.ts'
import { unsubscribe } from '../../action/unsubscribe.ts'
import { unsubscribedPage, unsubscribePage } from '../../action/unsubscribe-page.ts'
import { linkSecret } from '../../pipeline/first-start.ts'
import { createEngagements } from '../../pipeline/record-click.ts'
import { topicNameOf, topicOf } from '../../pipeline/topic-of.ts'
import { setConsent } from '../../profile/consent-rows.ts'
import type { ApiRoutes } from '../api-app.ts'
import type { Doors } from '../doors.ts'
import { messagePage } from '../pages/message-page.ts'
import { sendFault } from '../problem.ts'
import { seenOf } from '../seen-of.ts'
import { sendPage, sendPixel, wantsHtml } from '../send-page.ts'

export const linkSchema = (summary: string) => ({
  tags: ['links'],
  summary,
  params: z.object({ token: z.string().max(8192) }),
})
const oneClickBytesMax = 65_536

/** Where the links of messages lead. What they name stands in them, signed: no key, no cookie. */
export function linkRoutes({ store, log, clock, wallClock, settings, logger }: Doors): ApiRoutes {
  return async (app) => {
    const links = createLinks({ secret: await linkSecret(store), baseUrl: settings.publicUrl })
    const engagements = createEngagements({ store, log, clock, wallClock })
    // Mailbox providers post a form, as multipart or not; whatever the body is, a "no" counts.
    app.removeAllContentTypeParsers()
    app.addContentTypeParser(
      '*',
      { parseAs: 'buffer', bodyLimit: oneClickBytesMax },
      (_request, body, done) => done(null, body),
    )

    const unsubscribeWords = async (target: LinkTarget) => {
      const { workspace, messageId } = target
      const topic = await topicNameOf(store, target)
      return { topic, preferencesUrl: links.preferencesUrl(workspace, messageId) }
    }

    app.get(
      '/u/:token',
      {
        schema: linkSchema('The page of an unsubscribe link; changes nothing'),
      },
      async (request, reply) => {
        const target = links.verifyUnsubscribe(request.params.token)
        if (target === null) return refuse(request, reply)
        return sendPage(reply, unsubscribePage(await unsubscribeWords(target)))
      },
    )

    app.post(
      '/u/:token',
      {
        schema: {
          ...linkSchema('Unsubscribe, by the page’s button or in one click (RFC 8058)'),
          description:
            'Of the message’s topic, or of its channel where it has none. The opt-out is in force before this is answered.',
          response: {
            200: z.object({
              unsubscribed: z.literal(true),
              topic: z.string().optional().describe('What was refused; absent: the whole channel.'),
              alreadySending: z.array(z.string()),
            }),
          },
        },
      },
      async (request, reply) => {
        const target = links.verifyUnsubscribe(request.params.token)
        const result =
          target === null
            ? ({ kind: 'not-found' } as const)
            : await unsubscribe(
                store,
                { ...target, ...seenOf(request) },
                { setConsent, topicOf },
                clock.now(),
              )
        if (result.kind === 'not-found') return refuse(request, reply)
        const { alreadySending, topic } = result
        if (wantsHtml(request.headers.accept) && target !== null) {
          const { workspace, messageId } = target
          const more = links.preferencesUrl(workspace, messageId)
          return sendPage(reply, unsubscribedPage(alreadySending.length, more))
        }
        return reply.send({ unsubscribed: true, ...(topic === undefined ? {} : { topic }), alreadySending })
      },
    )

    app.get(
      '/c/:token',
      {
        schema: linkSchema('Count a click and go on to where the link leads'),
      },
      async (request, reply) => {
        const target = links.verifyClick(request.params.token)
        if (target === null || !/^https?:\/\//i.test(target.url)) return refuse(request, reply)
        const recorded = await engagements.record({ kind: 'click', ...target, ...requestOf(request) })
        // The reader goes on in any case: a full log must not break the links of messages sent.
        if (recorded !== 'recorded') logger.warn('a click was not counted', { reason: recorded })
        const untyped = reply as unknown as FastifyReply
        await untyped.header('cache-control', 'no-store').redirect(target.url, 302)
        return reply
      },
    )

    app.get(
      '/o/:token',
      {
        schema: linkSchema('Count an open; an image of one transparent pixel'),
      },
      async (request, reply) => {
        const target = links.verifyOpen(request.params.token)
        if (target !== null) {
          const recorded = await engagements.record({ kind: 'open', ...target, ...requestOf(request) })
          if (recorded !== 'recorded') logger.warn('an open was not counted', { reason: recorded })
        }
        // Nobody reads the answer to an image: a damaged address gets it too.
        return sendPixel(reply)
      },
    )
  }
}

/** What tells readers from programs. */
function requestOf({ method, headers }: FastifyRequest) {
  return { method, headers, userAgent: headers['user-agent'] ?? '' }
}

export function refuse<Reply extends object>(request: FastifyRequest, reply: Reply): Reply {
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
