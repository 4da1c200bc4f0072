import type { Socket } from 'node:net'
import fastify, {
  type FastifyError,
  type FastifyPluginAsync,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import type { Clock } from '#contracts/clock.ts'
import type { Logger } from '#contracts/logger.ts'
import type { Ingest } from '../ingest/ingest.ts'
import { createAllowedMethods } from './allowed-methods.ts'
import type { ApiApp, ApiRoutes } from './api-app.ts'
import { createAuth, type KeysPort, requireAdmin } from './auth.ts'
import { registerOpenApi } from './openapi.ts'
import { faultOfError, problemOf, sendFault } from './problem.ts'
import { healthRoutes } from './routes/health-routes.ts'
import { ingestRoutes } from './routes/ingest-routes.ts'

export interface ApiParts {
  ingest: Ingest
  keys: KeysPort
  /** Receipt of events, age of cached keys. */
  wallClock: Clock
  logger: Logger
  /** Why the server cannot serve yet or any more; null when it can. */
  notReady(): string | null
  /** Why `/readyz` says no though the doors still take what they can: a component is away, a role is stuck. */
  ailing?: () => string | null
  /** Under /api/v1, behind an admin key. */
  adminRoutes: ApiRoutes[]
  /** From the root, without a key: links, unsubscribe, the outbox, reports. */
  publicRoutes: ApiRoutes[]
  /** Where clients reach this server; stands in the documentation. */
  publicUrl: string
  version: string
}

/** The web application, ready to listen. `close()` lets requests in flight end and refuses new ones with 503. */
export async function createApi(parts: ApiParts): Promise<ApiApp> {
  const { ingest, wallClock, logger } = parts
  const auth = createAuth({ keys: parts.keys, wallClock })
  const app: ApiApp = fastify({
    // Fastify's own 503 is no problem+json; ours is below.
    return503OnClosing: false,
    frameworkErrors: onError(logger),
    clientErrorHandler,
    // Signed links are longer than the router's own limit of 100.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 8192 },
  }).withTypeProvider()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.setErrorHandler(onError(logger))

  const allowed = createAllowedMethods()
  app.addHook('onRoute', ({ method, url }) => allowed.add(method, url))
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]!
    const methods = allowed.of(path)
    if (methods.length === 0) return sendFault(reply, { code: 'not_found', detail: `nothing at ${path}` })
    reply.header('allow', methods.join(', '))
    return sendFault(reply, { code: 'method_not_allowed', detail: `${path} takes ${methods.join(', ')}` })
  })

  let stopping = false
  app.addHook('preClose', async () => {
    stopping = true
  })
  // A connection that stays open would hold the close until its keep-alive ends, 72 s later.
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (stopping) reply.header('connection', 'close')
    done(null, payload)
  })
  const notReady = (): string | null => (stopping ? 'the server is stopping' : parts.notReady())
  app.decorateRequest('principal', null)

  await registerOpenApi(app, parts)
  await app.register(healthRoutes({ notReady: () => notReady() ?? parts.ailing?.() ?? null }))
  await app.register(ingestRoutes({ ingest, auth, wallClock, notReady, publicUrl: parts.publicUrl }))
  const admin: FastifyPluginAsync = async (scope) => {
    scope.addHook('onRequest', refuseWhileStopping(notReady))
    scope.addHook('onRequest', requireAdmin(auth))
    for (const routes of parts.adminRoutes) await routes(scope as unknown as ApiApp)
  }
  await app.register(admin, { prefix: '/api/v1' })
  const open: FastifyPluginAsync = async (scope) => {
    scope.addHook('onRequest', refuseWhileStopping(notReady))
    for (const routes of parts.publicRoutes) await routes(scope as unknown as ApiApp)
  }
  await app.register(open)
  return app
}

function refuseWhileStopping(notReady: () => string | null) {
  return async (_request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const reason = notReady()
    return reason === null ? undefined : sendFault(reply, { code: 'unavailable', detail: reason })
  }
}

function onError(logger: Logger) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
    const fault = faultOfError(error)
    const { method, url: path } = request
    if (fault === null)
      logger.error('a request failed', { method, path, error: error.stack ?? error.message })
    // While the store is away every request ends here: a line each, without its stack.
    if (fault?.code === 'unavailable') {
      logger.warn('a request was refused', { method, path, reason: error.message })
    }
    sendFault(reply, fault ?? { code: 'internal', detail: 'the server has logged what happened' })
  }
}

/** What is no HTTP, or too slow, never becomes a request: the answer is written by hand. */
function clientErrorHandler(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const body = JSON.stringify(
    problemOf({ code: 'invalid_request', detail: 'this is not an HTTP request we can read' }),
  )
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}
