import { z } from 'zod'
import { evaluatePolicyOnLog } from '../../pipeline/evaluate-policy.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity } from '../shapes.ts'

const intervalSchema = z.object({ lower: z.number(), upper: z.number() }).describe('95 %.')
const valueSchema = z.object({ value: z.number(), interval: intervalSchema })
const weightsSchema = z.object({
  n: z.int(),
  effectiveRows: z.number(),
  mean: z.number().describe('1 in expectation.'),
  meanInterval: intervalSchema,
  largest: z.number(),
})
const estimateSchema = valueSchema.extend({ estimator: z.string(), standardError: z.number() })

const requestSchema = z.strictObject({
  campaign: z.string().max(64),
  target: z
    .string()
    .max(200)
    .default('snapshot:latest')
    .describe('`snapshot:ID`, `greedy:ID` (or `latest`), `always:OFFER/CHANNEL`, `nothing`, `uniform`.'),
  reward: z
    .enum(['conversions', 'value'])
    .default('conversions')
    .describe('`value`: what a conversion is worth less the cost of the send, in units of money.'),
  since: z.iso.datetime({ offset: true }).or(z.iso.date()).optional().describe('Decided from then on.'),
  until: z.iso.datetime({ offset: true }).or(z.iso.date()).optional().describe('Decided until then.'),
})

const evaluationSchema = z
  .looseObject({
    campaignId: z.string(),
    target: z.string(),
    decisions: z.int(),
    logged: valueSchema.nullable().describe('What was drawn brought that much per decision.'),
    evaluation: z.union([
      z.object({
        kind: z.literal('evaluated'),
        weights: weightsSchema,
        estimates: z.array(estimateSchema),
      }),
      z.object({
        kind: z.literal('refused'),
        refusals: z.array(z.looseObject({ reason: z.string() })),
        weights: weightsSchema.optional(),
      }),
    ]),
    gain: valueSchema.nullable().describe('Target less what was drawn, by DR.'),
    constants: z.array(
      z.object({
        action: z.string(),
        drawn: z.int(),
        effectiveRows: z.number(),
        estimate: estimateSchema,
      }),
    ),
    skipped: z.record(z.string(), z.int()).describe('Decisions left out, by reason.'),
  })
  .meta({ id: 'PolicyEvaluation' })

/** Newest first: more say little more, and hold the store's reader for long. */
const decisionsMax = 200_000

export function policyRoutes({ store, clock }: Doors): ApiRoutes {
  return (app) => {
    app.post(
      '/policy/evaluations',
      {
        schema: {
          tags: ['policy'],
          summary: 'What another policy would have brought for a campaign, from its own decisions',
          security: adminSecurity,
          body: requestSchema,
          response: { 200: evaluationSchema },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const { campaign, target, reward, since, until } = request.body
        const now = clock.now()
        const range = {
          since: since === undefined ? 0 : Date.parse(since),
          until: until === undefined ? now : Date.parse(until),
        }
        const db = store.read.workspace(workspace)
        const asked = { campaignId: campaign, target, reward, ...range, decisionsMax }
        const result = await evaluatePolicyOnLog(db, asked, now)
        if (result.kind === 'refused') return sendFault(reply, result.fault)
        const { report } = result
        return reply.send({ ...report, constants: report.constants.map((own) => ({ ...own })) })
      },
    )
  }
}
