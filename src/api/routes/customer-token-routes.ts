import { z } from 'zod'
import type { CustomerTokens } from '../../profile/customer-tokens.ts'
import type { ApiRoutes } from '../api-app.ts'
import { keyPrincipal } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'

const hour = 3600
const lifetimeSecondsMax = 30 * 24 * hour

const identitySchema = z
  .object({
    userId: z.string().min(1).max(256).optional(),
    anonymousId: z.string().min(1).max(256).optional(),
    lifetimeSeconds: z
      .int()
      .min(60)
      .max(lifetimeSecondsMax)
      .default(hour)
      .describe('How long the token is good for, in seconds.'),
  })
  .refine(({ userId, anonymousId }) => (userId === undefined) !== (anonymousId === undefined), {
    error: 'give userId or anonymousId, one of them',
  })

/** Made by the product's server for a customer who is signed in there: with a key, never in a browser. */
export function customerTokenRoutes({ auth }: Pick<Doors, 'auth'>, tokens: CustomerTokens): ApiRoutes {
  return (app) => {
    app.post(
      '/api/v1/customer-tokens',
      {
        schema: {
          tags: ['customers'],
          summary: 'Make a token by which a customer’s app proves whose inbox and devices it asks for',
          description:
            'Call it from your server, for the customer who is signed in there. An `anonymousId` needs one too.',
          security: [{ adminKey: [] }, { writeKey: [] }, { writeKeyHeader: [] }],
          body: identitySchema,
          response: {
            200: z.object({
              token: z.string(),
              expiresAt: z.int().describe('Milliseconds UTC.'),
            }),
          },
        },
      },
      async (request, reply) => {
        const principal = await keyPrincipal(auth, request.headers)
        if (principal === null)
          return sendFault(reply, { code: 'invalid_key', detail: 'give an admin or a write key' })
        const { userId, anonymousId, lifetimeSeconds } = request.body
        const { token, expiresAtMs } = await tokens.issue(
          {
            workspace: principal.workspace,
            kind: userId === undefined ? 'anonymous' : 'user',
            externalId: userId ?? anonymousId ?? '',
          },
          lifetimeSeconds,
        )
        return reply.send({ token, expiresAt: expiresAtMs })
      },
    )
  }
}
