import fastify from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import type { ApiApp } from './api-app.ts'
import { sendFault } from './problem.ts'
import { healthRoutes } from './routes/health-routes.ts'

export interface HealthServer {
  /** Resolves to the address it listens on. */
  listen(at: { host: string; port: number }): Promise<string>
  close(): Promise<void>
}

/** What a process without the role `api` answers: `/healthz` and `/readyz`, for those who restart it. */
export function createHealthServer(notReady: () => string | null): HealthServer {
  const app: ApiApp = fastify().withTypeProvider()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.setNotFoundHandler((_request, reply) =>
    sendFault(reply, {
      code: 'not_found',
      detail: 'this process plays no role `api`: ask /healthz or /readyz',
    }),
  )
  void app.register(healthRoutes({ notReady }))
  return { listen: (at) => app.listen(at), close: () => app.close() }
}
