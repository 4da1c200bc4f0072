import { z } from 'zod'
import { dayUtcOf } from '#platform/ids/ids.ts'
import { callbackOutcomes, loadCallbackCounts } from '../../action/callback-rows.ts'
import { sendRates } from '../../action/send-rates.ts'
import { listCampaigns } from '../../campaign/campaign-rows.ts'
import { deliverabilityActor, deliverabilityOf, sinceOf } from '../../pipeline/watch-deliverability.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { adminSecurity } from '../shapes.ts'

const count = z.int().min(0)
const callbackDays = 7

const deliverabilitySchema = z
  .object({
    limits: z.object({
      bounceShareMax: z.number(),
      complaintShareMax: z.number(),
      windowHours: z.number(),
      sendsMin: count,
    }),
    campaigns: z.array(
      z.object({
        id: z.string(),
        state: z.enum(['live', 'paused']),
        since: z.int().describe('What is counted: sends from here on.'),
        sends: count,
        delivered: count,
        hardBounces: count,
        softBounces: count,
        complaints: count,
        pausedBecause: z.string().nullable().describe('Where it paused by itself.'),
      }),
    ),
    callbacks: z
      .array(z.object({ provider: z.string(), outcome: z.enum(callbackOutcomes), count }))
      .describe('What providers told in the last 7 days, and what of it could not be believed or used.'),
  })
  .meta({ id: 'Deliverability' })

/** How welcome the workspace's messages are, and how its providers' callbacks fare. */
export function deliverabilityRoutes(doors: Doors): ApiRoutes {
  const { store, clock, wallClock } = doors
  return (app) => {
    app.get(
      '/deliverability',
      {
        schema: {
          tags: ['operations'],
          summary: 'Bounces and complaints by campaign, and providers’ callbacks',
          security: adminSecurity,
          response: { 200: deliverabilitySchema },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        await doors.callbackCounter.flush()
        const now = clock.now()
        const answer = await store.snapshot(async (scope) => {
          const db = scope.workspace(workspace)
          const { warmUps: _, ...limits } = await deliverabilityOf(scope, workspace)
          const running = (await listCampaigns(db)).filter(
            ({ state }) => state === 'live' || state === 'paused',
          )
          const campaigns = []
          for (const { campaignId, state, createdAt, actor, note } of running) {
            // Of a paused one what was counted before it paused.
            const since =
              state === 'live'
                ? sinceOf({ createdAt }, { ...limits, warmUps: [] }, now)
                : now - windowMs(limits)
            const { campaignId: id, ...rates } = await sendRates(db, campaignId, since)
            const isOurs = state === 'paused' && actor === deliverabilityActor
            campaigns.push({
              id,
              state: state as 'live' | 'paused',
              since,
              ...rates,
              pausedBecause: isOurs ? note : null,
            })
          }
          const callbacks = await loadCallbackCounts(db, dayUtcOf(wallClock.now()) - callbackDays)
          return { limits, campaigns, callbacks }
        })
        return reply.send(answer)
      },
    )
  }
}

function windowMs({ windowHours }: { windowHours: number }): number {
  return windowHours * 3_600_000
}
