import { z } from 'zod'
import type { ApiRoutes } from '../api-app.ts'
import { sendFault } from '../problem.ts'

/** `/healthz`: the process answers. `/readyz`: it can take work. */
export function healthRoutes({ notReady }: { notReady(): string | null }): ApiRoutes {
  const statusSchema = z.object({ status: z.literal(['ok', 'ready']) })
  return async (app) => {
    app.get(
      '/healthz',
      {
        schema: {
          tags: ['operations'],
          summary: 'Does the process answer?',
          response: { 200: statusSchema },
        },
      },
      () => ({ status: 'ok' as const }),
    )
    app.get(
      '/readyz',
      { schema: { tags: ['operations'], summary: 'Can it take work?', response: { 200: statusSchema } } },
      async (_request, reply) => {
        const reason = notReady()
        if (reason !== null) return sendFault(reply, { code: 'unavailable', detail: reason })
        return reply.send({ status: 'ready' })
      },
    )
  }
}
