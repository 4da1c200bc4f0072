import { z } from 'zod'
import type { DecisionExplanation } from '../../decision/explain.ts'
import { explain, explainWhatIf, replay } from '../../pipeline/explain.ts'
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
const contributions = z.object({
  features: z
    .array(z.object({ name: z.string(), value: z.number(), logOdds: z.number() }))
    .describe('What each adds to the log-odds of a response, the largest first.'),
  others: z.number().describe('Sum of those not shown.'),
})
const changedTreatment = { campaignId: z.string(), treatmentId: z.string(), to: z.number() }
const changeSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('feature'), name: z.string(), value: z.number() }),
    z.strictObject({ kind: z.enum(['value', 'cost']), ...changedTreatment, to: z.number().min(0) }),
    z.strictObject({ kind: z.literal('lever'), ...changedTreatment, to: z.number().min(0.1).max(10) }),
    z.strictObject({ kind: z.literal('fatigue'), ...changedTreatment, to: z.number().min(0).max(1) }),
    z.strictObject({ kind: z.literal('without-guardrail'), guardrail: z.string() }),
  ])
  .meta({ id: 'DecisionChange' })

const explanationSchema = z
  .looseObject({
    decisionId: z.string(),
    customerId: z.string(),
    decidedAt: z.int(),
    trigger: z.object({ kind: z.string(), triggerId: z.string(), step: z.int() }),
    verdict: z.string().describe('One sentence.'),
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
    drawn: z.array(
      z.looseObject({
        ...treatment,
        probability: z.number(),
        isChosen: z.boolean(),
        contributions: contributions
          .nullable()
          .describe('Null in a fixed split, and where the snapshot is not kept any more.'),
      }),
    ),
    nothing: z.object({ probability: z.number(), isChosen: z.boolean() }),
    unprompted: z
      .array(z.object({ campaignId: z.string(), contributions }))
      .describe('What happens without us, by campaign.'),
    runnerUp: z
      .object({
        ...treatment,
        scoreGap: z.number().describe('How much less it was worth than the choice; negative: more.'),
        needs: z
          .object({
            responseProbability: z.number().nullable(),
            fatigue: z.number().nullable(),
            value: z.number().nullable(),
            lever: z.number().nullable(),
            cost: z.number().nullable(),
          })
          .describe('Each alone would have made both worth the same; null where nothing would.'),
      })
      .nullable(),
    snapshotId: z.string(),
    engineVersion: z.string(),
    features: z.array(z.object({ name: z.string(), value: z.number() })).describe('Those that are not 0.'),
  })
  .meta({ id: 'DecisionExplanation' })
const decisionSchema = explanationSchema
  .extend({
    outcome: z.enum(['treatment', 'nothing', 'held-out', 'none-eligible']),
    propensity: z.number().describe('Probability with which the choice was drawn; 0 without a draw.'),
    messageIds: z.array(z.string()),
    copies: z
      .array(
        z.object({
          messageId: z.string(),
          channel: z.string(),
          subject: z.string(),
          opening: z.string().describe("The text's beginning."),
        }),
      )
      .describe('The words its messages came in, where the outbox keeps them.'),
    template: z
      .object({
        templateId: z.string(),
        version: z.int().nullable(),
        variantId: z.string(),
        standing: z.enum(['applied', 'tried', 'promoted', 'rolled-back']),
        since: z.int(),
        by: z.string(),
        why: z.string().describe('One sentence.'),
      })
      .nullable()
      .describe('Which words were drawn, and why they were there to be drawn.'),
    network: z
      .object({
        modelId: z.string(),
        missing: z.string().nullable().describe('Why it cannot be said any more.'),
        inputs: z.array(z.object({ name: z.string(), value: z.number() })).describe('Those that are not 0.'),
        contributions: z.array(
          z.looseObject({
            campaignId: z.string(),
            treatmentId: z.string(),
            atRest: z.number().describe('Log-odds of a response with every input at 0.'),
          }),
        ),
      })
      .nullable()
      .describe('Where a network’s bottleneck was the features: what the network saw, and what that adds.'),
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
        const { row, explanation, messageIds, copies, template, network } = found
        return reply.send({
          ...shown(explanation),
          outcome: row.outcome as z.output<typeof decisionSchema>['outcome'],
          propensity: row.propensity,
          messageIds,
          copies,
          template,
          network:
            network === null
              ? null
              : { ...network, contributions: network.contributions.map((own) => ({ ...own })) },
          record: Buffer.from(row.record).toString('base64'),
        })
      },
    )

    app.post(
      '/decisions/:id/what-if',
      {
        schema: {
          tags: ['decisions'],
          summary: 'The same decision with one input changed',
          description: 'Decided again from the record and its seed. Nothing is stored and nothing is sent.',
          security: adminSecurity,
          params,
          body: z.strictObject({ change: changeSchema }),
          response: { 200: z.object({ before: explanationSchema, after: explanationSchema }) },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const { id } = request.params
        const found = await store.snapshot((scope) =>
          explainWhatIf(scope, workspace, id, request.body.change),
        )
        if (found.kind === 'refused') return sendFault(reply, found.fault)
        return reply.send({ before: shown(found.before), after: shown(found.after) })
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

/** Interfaces as plain objects, which is what a loose schema takes. */
function shown(explanation: DecisionExplanation) {
  return {
    ...explanation,
    excluded: explanation.excluded.map((candidate) => ({ ...candidate })),
    drawn: explanation.drawn.map((candidate) => ({ ...candidate })),
  }
}
