import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import type { ProviderSettings } from '#contracts/provider.ts'
import { publicKeyOf, channel as webPush } from '../../action/channels/web-push.ts'
import type { ApiApp, ApiRoutes } from '../api-app.ts'
import { allowAnyPage, allowPreflight } from '../customer-door.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'

const files = {
  'starling.js': { type: 'text/javascript', summary: 'The script for web pages: inbox and web push' },
  'starling-sw.js': { type: 'text/javascript', summary: 'The service worker that shows pushes' },
  'starling.d.ts': { type: 'text/plain', summary: 'Types of the script' },
} as const

/** What web pages load, and the key that browsers subscribe with: nothing of any customer's. */
export function sdkRoutes({ config }: Pick<Doors, 'config'>): ApiRoutes {
  return async (app) => {
    allowAnyPage(app)
    for (const name of Object.keys(files) as (keyof typeof files)[]) await fileRoute(app, name)
    keyRoute(app, config.providers ?? [])
  }
}

async function fileRoute(app: ApiApp, name: keyof typeof files): Promise<void> {
  const text = await readFile(new URL(`../sdk/${name}`, import.meta.url), 'utf8')
  const etag = `"${hash('sha256', text, 'hex').slice(0, 16)}"`
  const { type, summary } = files[name]
  app.get(`/sdk/${name}`, { schema: { tags: ['links'], summary } }, (request, reply) => {
    const untyped = reply as unknown as FastifyReply
    untyped
      .header('content-type', `${type}; charset=utf-8`)
      // A page of another site may load it, also where it shuts out what does not say so.
      .header('cross-origin-resource-policy', 'cross-origin')
      .header('x-content-type-options', 'nosniff')
      .header('etag', etag)
      // A new version is there within the hour; a service worker is asked for anew by browsers each day anyway.
      .header('cache-control', name === 'starling-sw.js' ? 'no-cache' : 'public, max-age=3600')
    if (name === 'starling-sw.js') untyped.header('service-worker-allowed', '/')
    if (request.headers['if-none-match'] === etag) untyped.code(304).send()
    else untyped.send(text)
    return reply
  })
}

function keyRoute(app: ApiApp, providers: readonly ProviderSettings[]): void {
  const publicKey = publicKeyIn(providers)
  allowPreflight(app, '/api/v1/push/vapid-public-key', 'GET')
  app.get(
    '/api/v1/push/vapid-public-key',
    {
      schema: {
        tags: ['customers'],
        summary: 'The key that browsers subscribe with to web push (VAPID)',
        response: { 200: z.object({ publicKey: z.string().describe('65 bytes in base64url.') }) },
      },
    },
    async (_request, reply) => {
      if (publicKey === null)
        return sendFault(reply, { code: 'not_found', detail: 'no provider of kind web-push is configured' })
      return reply.send({ publicKey })
    },
  )
}

/** Of the first provider of that kind: a browser subscribes with one key. */
function publicKeyIn(providers: readonly ProviderSettings[]): string | null {
  const settings = providers.find(({ kind }) => kind === webPush.kind)?.settings
  const parsed = settings === undefined ? null : webPush.settings.safeParse(settings)
  return parsed?.success === true ? publicKeyOf(parsed.data.privateKey.reveal()) : null
}
