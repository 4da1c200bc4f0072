import { z } from 'zod'
import { explain, replay } from '../../pipeline/explain.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity } from '../shapes.ts'

const params = z.object({ id: z.string().max(64).describe('Of the decision, or of a message it made.') })

const treatment = {
  campaignId: z.string(),
  treatmentId: z.string(),
  offerName: z.string(),
  channel: z.string(),
}
const decisionSchema = z
  .looseObject({
    decisionId: z.string(),
    customerId: z.string(),
    decidedAt: z.int(),
    trigger: z.object({ kind: z.string(), triggerId: z.string(), step: z.int() }),
    verdict: z.string().describe('One sentence.'),
    outcome: z.enum(['treatment', 'nothing', 'held-out', 'none-eligible']),
    propensity: z.number().describe('Probability with which the choice was drawn; 0 without a draw.'),
    messageIds: z.array(z.string()),
    funnel: z.object({ candidates: z.int(), excluded: z.int(), drawn: z.int(), chosen: z.int() }),
    campaigns: z.array(
      z.object({
        campaignId: z.string(),
        version: z.int(),
        heldOut: z.boolean(),
        arm: z.string(),
        policy: z.string(),
      }),
    ),
    excluded: z.array(
      z.looseObject({
        ...treatment,
        by: z.string().describe('The deciding guardrail, `missing-variable` or `not-in-arm`.'),
        reason: z.string(),
      }),
    ),
    drawn: z.array(z.looseObject({ ...treatment, probability: z.number(), isChosen: z.boolean() })),
    nothing: z.object({ probability: z.number(), isChosen: z.boolean() }),
    snapshotId: z.string(),
    engineVersion: z.string(),
    features: z.array(z.object({ name: z.string(), value: z.number() })).describe('Those that are not 0.'),
    record: z.string().describe('The compact record, in base64.'),
  })
  .meta({ id: 'Decision' })

export function decisionRoutes({ store }: Doors): ApiRoutes {
  return (app) => {
    app.get(
      '/decisions/:id',
      {
        schema: {
          tags: ['decisions'],
          summary: 'A decision, explained',
          security: adminSecurity,
          params,
          response: { 200: decisionSchema },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const found = await store.snapshot((scope) => explain(scope, workspace, request.params.id))
        if (found.kind === 'refused') return sendFault(reply, found.fault)
        const { row, explanation, messageIds } = found
        return reply.send({
          ...explanation,
          excluded: explanation.excluded.map((candidate) => ({ ...candidate })),
          drawn: explanation.drawn.map((candidate) => ({ ...candidate })),
          outcome: row.outcome as z.output<typeof decisionSchema>['outcome'],
          propensity: row.propensity,
          messageIds,
          record: Buffer.from(row.record).toString('base64'),
        })
      },
    )

    app.post(
      '/decisions/:id/replay',
      {
        schema: {
          tags: ['decisions'],
          summary: 'Decide once more from the record, and compare',
          description:
            'Within one engine version the bytes are equal; a record of another engine is compared by its choice.',
          security: adminSecurity,
          params,
          response: {
            200: z.object({
              decisionId: z.string(),
              identical: z.boolean().describe('The same bytes again.'),
              sameChoice: z.boolean(),
              engineVersion: z.string().nullable().describe('Of the record, where another engine made it.'),
            }),
          },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const replayed = await store.snapshot((scope) => replay(scope, workspace, request.params.id))
        if (replayed.kind === 'refused') return sendFault(reply, replayed.fault)
        const { decisionId, result } = replayed
        const isOther = result.kind === 'other-engine'
        return reply.send({
          decisionId,
          identical: result.kind === 'equal',
          sameChoice: isOther ? result.choiceEqual : result.kind === 'equal',
          engineVersion: isOther ? result.engineVersion : null,
        })
      },
    )
  }
}
