import { z } from 'zod'
import { readStarter } from '../../learning/starter.ts'
import { broadcastProgress } from '../../pipeline/broadcast/broadcast-progress.ts'
import { moveBroadcast } from '../../pipeline/broadcast/move-broadcast.ts'
import { startBroadcast } from '../../pipeline/broadcast/start-broadcast.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity, alreadySendingSchema, stepBody, stepBy } from '../shapes.ts'

const tags = ['broadcasts']
const security = adminSecurity
const params = z.object({ id: z.string().max(64).describe('The campaign’s.') })
const count = z.int().nonnegative()
const instant = z.int()

const progressSchema = z
  .object({
    campaignId: z.string(),
    run: z.int().describe('1, 2, …: counted up each time it is started.'),
    state: z.enum(['scheduled', 'running', 'paused', 'done', 'cancelled']),
    actor: z.string(),
    startedAt: instant,
    startsAt: instant.describe('Nobody is decided about before.'),
    endedAt: instant.nullable().describe('When the last one was decided about, or it was cancelled.'),
    customers: count.describe('All there were at the start.'),
    looked: count.describe('Of these, looked at so far.'),
    audience: z.object({
      counted: count.describe('Found in the audience so far.'),
      expected: count.describe('Of all customers, as those looked at let expect; exact once all were.'),
      waiting: count.describe('Whose local time has not come.'),
    }),
    decided: count,
    queued: count,
    heldOut: count,
    refused: count.describe('By guardrails, or for lack of what a template needs.'),
    nothing: count.describe('The policy drew that nothing is said.'),
    messages: z.record(z.string(), count).describe('Messages since the start, by their state.'),
    expectedEndAt: instant
      .nullable()
      .describe('Of the last decision, at this pace; null while nothing tells.'),
    expectedSentAt: instant.nullable().describe('Of what is queued now, at the speed so far.'),
  })
  .meta({ id: 'BroadcastProgress' })

export function broadcastRoutes({ store, clock }: Doors): ApiRoutes {
  const starter = readStarter()
  return (app) => {
    app.get(
      '/broadcasts/:id',
      {
        schema: {
          tags,
          summary: 'How far a broadcast has come',
          security,
          params,
          response: { 200: progressSchema },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const progress = await broadcastProgress(store.read, principalOf(request).workspace, id, clock.now())
        if (progress !== null) return reply.send(progress)
        return sendFault(reply, { code: 'not_found', detail: `no broadcast ${id} was ever started` })
      },
    )

    app.post(
      '/broadcasts/:id/start',
      {
        schema: {
          tags,
          summary: 'Start a broadcast: its campaign is decided for everybody in the audience',
          description: 'Launches the version that waits, where it is approved.',
          security,
          params,
          body: z
            .object({
              ...stepBody,
              again: z
                .boolean()
                .default(false)
                .describe('Although it was started before: whoever got that gets this too.'),
            })
            .nullish(),
          response: {
            200: z.object({ id: z.string(), run: z.int(), version: z.int(), customers: count }),
          },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const by = stepBy(principalOf(request), request.body)
        const again = request.body?.again ?? false
        const started = await startBroadcast({ store, clock, starter }, { ...by, campaignId: id, again })
        if (started.kind === 'refused') return sendFault(reply, started.fault)
        const { run, version, customers } = started
        return reply.send({ id, run, version, customers })
      },
    )

    app.post(
      '/broadcasts/:id/:action',
      {
        schema: {
          tags,
          summary: 'Pause, resume or cancel a broadcast',
          description:
            'pause: nothing more of it is sent until it is resumed. cancel: for good; what is queued lapses. From the answer on no send begins but those that it lists.',
          security,
          params: params.extend({ action: z.enum(['pause', 'resume', 'cancel']) }),
          body: z.object(stepBody).nullish(),
          response: {
            200: z.object({
              id: z.string(),
              version: z.int(),
              state: z.enum(['live', 'paused', 'ended']).describe('The campaign’s.'),
              alreadySending: alreadySendingSchema,
            }),
          },
        },
      },
      async (request, reply) => {
        const { id, action } = request.params
        const by = stepBy(principalOf(request), request.body)
        const moved = await moveBroadcast({ store, clock, starter }, { ...by, campaignId: id, action })
        if (moved.kind === 'refused') return sendFault(reply, moved.fault)
        const { version, alreadySending } = moved
        const state = version.state as 'live' | 'paused' | 'ended'
        return reply.send({ id, version: version.version, state, alreadySending })
      },
    )
  }
}
