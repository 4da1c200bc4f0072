import { z } from 'zod'
import { createLinks } from '../../action/links.ts'
import { confirmedPage, confirmPage, preferencePage } from '../../action/preference-page.ts'
import { createTemplateCache } from '../../creative/template-cache.ts'
import { linkSecret } from '../../pipeline/first-start.ts'
import {
  confirmSubscription,
  type PreferenceForm,
  readConfirmation,
  readPreferences,
  savePreferences,
} from '../../pipeline/preferences.ts'
import type { ApiRoutes } from '../api-app.ts'
import type { Doors } from '../doors.ts'
import { seenOf } from '../seen-of.ts'
import { sendPage, wantsHtml } from '../send-page.ts'
import { linkSchema, refuse } from './link-routes.ts'

const formBytesMax = 65_536
const topicShape = z.object({
  scope: z.string().describe('`email/news`; `email/*` is what has no topic.'),
  name: z.string().nullable(),
  description: z.string(),
  isSubscribed: z.boolean(),
  isPending: z.boolean().describe('A yes that the customer has not confirmed yet.'),
})
const savedShape = z.object({
  saved: z.literal(true),
  channels: z.array(z.object({ channel: z.string(), topics: z.array(topicShape) })),
  alreadySending: z.array(z.string()),
})

/** The pages on which customers say what they want: by a signed link, without a key or a cookie. */
export function preferenceRoutes({ store, clock, wake, settings }: Doors): ApiRoutes {
  return async (app) => {
    const links = createLinks({ secret: await linkSecret(store), baseUrl: settings.publicUrl })
    const parts = { store, clock, wake, links, templates: createTemplateCache(100) }
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', { parseAs: 'string', bodyLimit: formBytesMax }, (_request, body, done) =>
      done(null, body),
    )

    app.get(
      '/p/:token',
      {
        schema: linkSchema('The preference page of a message; changes nothing'),
      },
      async (request, reply) => {
        const target = links.verifyPreferences(request.params.token)
        const view = target === null ? null : await readPreferences(store, target)
        return view === null ? refuse(request, reply) : sendPage(reply, preferencePage(view, null))
      },
    )

    app.post(
      '/p/:token',
      {
        schema: {
          ...linkSchema('Save what a customer wants'),
          description:
            'A form: `shown` for each scope that was shown, `want` for each with a tick, `do=nothing` to refuse everything. In force before it is answered.',
          response: { 200: savedShape },
        },
      },
      async (request, reply) => {
        const target = links.verifyPreferences(request.params.token)
        if (target === null) return refuse(request, reply)
        const saved = await savePreferences(parts, target, formOf(request.body), seenOf(request))
        if (saved.kind === 'not-found') return refuse(request, reply)
        const { view, alreadySending, confirmations } = saved
        if (wantsHtml(request.headers.accept)) {
          const toConfirm = confirmations.filter(({ messageId }) => messageId !== null).length
          const notice = { alreadySending: alreadySending.length, toConfirm }
          return sendPage(reply, preferencePage(view, notice))
        }
        return reply.send({ saved: true, channels: view.channels, alreadySending })
      },
    )

    app.get(
      '/s/:token',
      {
        schema: linkSchema('The page that asks to confirm a subscription; changes nothing'),
      },
      async (request, reply) => {
        const target = links.verifyConfirm(request.params.token)
        const found = target === null ? null : await readConfirmation(store, target)
        if (found === null || found.kind === 'not-found') return refuse(request, reply)
        const { topicName } = found
        return sendPage(
          reply,
          found.kind === 'to-confirm' ? confirmPage(topicName) : confirmedPage(topicName, false),
        )
      },
    )

    app.post(
      '/s/:token',
      {
        schema: {
          ...linkSchema('Confirm a subscription (double opt-in)'),
          description: 'Only what still waits for it: an old link takes back no later no.',
          response: { 200: z.object({ confirmed: z.boolean() }) },
        },
      },
      async (request, reply) => {
        const target = links.verifyConfirm(request.params.token)
        const result = target === null ? null : await confirmSubscription(parts, target, seenOf(request))
        if (result === null || result.kind === 'not-found') return refuse(request, reply)
        const confirmed = result.kind === 'confirmed'
        if (wantsHtml(request.headers.accept))
          return sendPage(reply, confirmedPage(result.topicName, confirmed))
        return reply.send({ confirmed })
      },
    )
  }
}

/** Nothing that is not a form of ours says anything: no scope was shown. */
function formOf(body: unknown): PreferenceForm {
  const form = new URLSearchParams(typeof body === 'string' ? body : '')
  return { shown: form.getAll('shown'), wanted: form.getAll('want'), nothing: form.get('do') === 'nothing' }
}
