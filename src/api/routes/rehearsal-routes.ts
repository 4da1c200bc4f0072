import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { RehearsalProgress, RehearsalResult } from '../../pipeline/rehearsal/rehearse.ts'
import { rehearseInThread } from '../../pipeline/rehearsal/rehearse-in-thread.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity } from '../shapes.ts'

const intervalSchema = z.object({ lower: z.number(), upper: z.number() })
const figureSchema = z.object({ value: z.number(), interval: intervalSchema }).nullable()
const counts = z.record(z.string(), z.number())

const tallySchema = z
  .object({
    decisions: z.int(),
    byOutcome: counts,
    byTreatment: z.array(z.object({ campaignId: z.string(), treatmentId: z.string(), decisions: z.int() })),
    sends: z.int(),
    sendsByDay: z.array(z.object({ day: z.string().describe('UTC'), sends: z.int() })),
    capCollisions: z.object({ atDecision: z.int(), atSend: z.int() }),
    deferrals: z.object({ atDecision: z.int(), atSend: z.int() }),
    lapsed: counts.describe('Messages given up, by reason.'),
    spentMicros: counts.describe('By campaign.'),
  })
  .meta({ id: 'RehearsalTally' })

const rehearsalSchema = z
  .object({
    over: z.enum(['history', 'simulation']),
    changed: z.boolean(),
    since: z.int(),
    until: z.int(),
    recorded: tallySchema.nullable().describe('As it was; null in a simulation.'),
    rehearsed: tallySchema,
    exact: z
      .object({
        same: z.int().describe('Equal to the byte.'),
        different: z.int(),
        missing: z.int(),
        extra: z.int(),
        notReplayable: counts.describe('By the reason why history does not suffice.'),
        examples: z.array(z.object({ decisionId: z.string(), detail: z.string() })),
      })
      .nullable()
      .describe('Null where something was to be different.'),
    predictions: z.array(
      z.object({
        campaignId: z.string(),
        goalId: z.string(),
        by: z.enum(['off-policy', 'holdout']),
        decisions: z.int(),
        recorded: figureSchema,
        rehearsed: figureSchema,
        refusals: z.array(z.string()),
      }),
    ),
    notes: z.array(z.string()),
  })
  .meta({ id: 'Rehearsal' })

const jobSchema = z
  .object({
    rehearsalId: z.string(),
    state: z.enum(['running', 'done', 'refused', 'failed']),
    progress: z.object({ stage: z.string(), done: z.int(), total: z.int() }),
    detail: z.string().describe('Why it was refused or failed; "" otherwise.'),
    result: rehearsalSchema.nullable(),
  })
  .meta({ id: 'RehearsalJob' })

const bodySchema = z.strictObject({
  days: z.int().min(1).max(400).default(30).describe('The last so many days are reported.'),
  file: z.string().exactOptional().describe('A workspace file in YAML: what is to be different.'),
  campaign: z.string().exactOptional().describe('This campaign as it is defined now is to be live.'),
  simulated: z
    .strictObject({
      customers: z.int().min(10).max(100_000).default(1000),
      seed: z.int().min(0).default(1),
    })
    .exactOptional()
    .describe('Over a planted shop instead of history.'),
})

interface Job {
  workspace: string
  state: 'running' | 'done' | 'refused' | 'failed'
  progress: RehearsalProgress
  detail: string
  result: Extract<RehearsalResult, { kind: 'rehearsal' }> | null
}

/** Results are kept in this process, as long as there are not more than these. */
const jobsKept = 20

export function rehearsalRoutes({ clock, location, settings, logger }: Doors): ApiRoutes {
  const jobs = new Map<string, Job>()
  const begin = (
    workspace: string,
    { days, file, campaign, simulated }: z.infer<typeof bodySchema>,
  ): { rehearsalId: string; ended: Promise<void>; stop: AbortController } => {
    const rehearsalId = randomUUID()
    const progress: RehearsalProgress = { stage: 'reading', done: 0, total: 1 }
    const job: Job = { workspace, state: 'running', progress, detail: '', result: null }
    jobs.set(rehearsalId, job)
    for (const id of [...jobs.keys()].slice(0, -jobsKept)) jobs.delete(id)
    const stop = new AbortController()
    const { triggerMaxAgeMs, mailFrom } = settings
    const request = {
      workspace,
      days,
      ...(file === undefined ? {} : { wish: { kind: 'file' as const, text: file } }),
      ...(campaign === undefined ? {} : { wish: { kind: 'campaign' as const, campaignId: campaign } }),
      ...(simulated === undefined ? {} : { simulated }),
    }
    const play = { location, now: clock.now(), settings: { triggerMaxAgeMs, mailFrom }, request }
    const take = (progress: RehearsalProgress) => {
      job.progress = progress
    }
    const ended = rehearseInThread(play, take, stop.signal).then(
      (result) => {
        if (result.kind === 'refused') Object.assign(job, { state: 'refused', detail: result.detail })
        else Object.assign(job, { state: 'done', result })
      },
      (error: unknown) => {
        const detail = error instanceof Error ? error.message : String(error)
        Object.assign(job, { state: 'failed', detail })
        if (!stop.signal.aborted) logger.warn('a rehearsal failed', { workspace, detail })
      },
    )
    return { rehearsalId, ended, stop }
  }
  return (app) => {
    /** One at a time: it takes a processor to itself. */
    let running: ReturnType<typeof begin> | null = null
    app.addHook('onClose', async () => {
      running?.stop.abort()
      await running?.ended
    })

    app.post(
      '/rehearsals',
      {
        schema: {
          tags: ['rehearsals'],
          summary: 'Play recorded history again, as it was or with something different',
          description:
            'In a store of its own, on a simulated clock; nothing is sent and nothing is written here. Answers at once; `GET /rehearsals/{id}` of the same process says how far it is and what came of it.',
          security: adminSecurity,
          body: bodySchema,
          response: { 202: z.object({ rehearsalId: z.string() }) },
        },
      },
      async (request, reply) => {
        const { body } = request
        if (body.file !== undefined && body.campaign !== undefined) {
          const detail = 'a file or a campaign, not both'
          return sendFault(reply, { code: 'invalid_request', detail, field: 'campaign' })
        }
        if (running !== null)
          return sendFault(reply, { code: 'conflict', detail: 'a rehearsal is running: one at a time' })
        const own = begin(principalOf(request).workspace, body)
        running = own
        void own.ended.finally(() => {
          running = null
        })
        return reply.code(202).send({ rehearsalId: own.rehearsalId })
      },
    )

    app.get(
      '/rehearsals/:id',
      {
        schema: {
          tags: ['rehearsals'],
          summary: 'How far a rehearsal is, and what came of it',
          security: adminSecurity,
          params: z.object({ id: z.string().min(1).max(64) }),
          response: { 200: jobSchema },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const job = jobs.get(id)
        if (job === undefined || job.workspace !== principalOf(request).workspace)
          return sendFault(reply, {
            code: 'not_found',
            detail: `there is no rehearsal ${id} in this process`,
          })
        const { workspace: _, ...told } = job
        return { rehearsalId: id, ...told }
      },
    )
  }
}
