import { z } from 'zod'
import { engineVersion } from '../../decision/engine-version.ts'
import { createLogLag } from '../../pipeline/log-lag.ts'
import { workspaceStatus } from '../../pipeline/workspace-status.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity } from '../shapes.ts'
import { version } from '../version.ts'
import { sendModeSchema } from './workspace-routes.ts'

const count = z.int().min(0)

export function statusRoutes({ store, log, wallClock }: Doors): ApiRoutes {
  return (app) => {
    const logLag = createLogLag({ store, log })
    app.get(
      '/status',
      {
        schema: {
          tags: ['operations'],
          summary: 'Where things stand',
          security: adminSecurity,
          response: {
            200: z.object({
              version: z.string(),
              engineVersion: z.string().describe('Decisions of one engine version replay bit for bit.'),
              workspace: z.string(),
              sendMode: sendModeSchema,
              killSwitch: z.boolean(),
              liveCampaigns: z.array(z.string()),
              messages: z.object({
                queued: count,
                sending: count,
                sent: count,
                failed: count,
                unknown: count.describe('Nobody knows whether they went out: resolve them.'),
                lapsed: count,
              }),
              providers: z
                .array(
                  z.object({
                    id: z.string(),
                    channel: z.string(),
                    weight: z.number(),
                    state: z.enum(['closed', 'open', 'half-open', 'paused']),
                    reason: z.string(),
                    retryAt: z.int().nullable(),
                    sendersOut: count,
                    senders: count,
                  }),
                )
                .describe(
                  'As the senders find them, of all workspaces. `closed` is well; `open`: left alone after failures; `half-open`: one call tries it; `paused`: it asked for that.',
                ),
              waiting: z
                .array(z.object({ line: z.string(), messages: count, nextAt: z.int(), expectedAt: z.int() }))
                .describe(
                  'Messages in line for a provider, or for one domain of it: when the first and the last are expected to go.',
                ),
              deadLetters: count.describe('Messages that failed for good: retry or drop them.'),
              rejectedEvents: count.describe('Refused events that nobody has replayed.'),
              logLag: count.describe('Records acknowledged and not yet applied, of all workspaces.'),
            }),
          },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        // First, so that a lag of 0 means that the counts below hold everything acknowledged before.
        const lag = await logLag.records()
        const status = await workspaceStatus({ store, wallClock }, workspace)
        if (status === null) {
          return sendFault(reply, { code: 'not_found', detail: `there is no workspace ${workspace}` })
        }
        const { settings, ...counts } = status
        const { sendMode, killSwitch } = settings
        return reply.send({ version, engineVersion, workspace, sendMode, killSwitch, ...counts, logLag: lag })
      },
    )
  }
}
