import { z } from 'zod'
import { policySchema } from '#contracts/policy.ts'
import { actorSchema } from '../shapes.ts'

/** What the paths under /policy take and give. */

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

export const requestSchema = z.strictObject({
  campaign: z.string().max(64),
  target: z
    .string()
    .max(200)
    .default('snapshot:latest')
    .describe(
      '`snapshot:ID`, `greedy:ID` (or `latest`), `candidate:ID`, `always:OFFER/CHANNEL`, `nothing`, `uniform`.',
    ),
  reward: z
    .enum(['conversions', 'value'])
    .default('conversions')
    .describe('`value`: what a conversion is worth less the cost of the send, in units of money.'),
  since: z.iso.datetime({ offset: true }).or(z.iso.date()).optional().describe('Decided from then on.'),
  until: z.iso.datetime({ offset: true }).or(z.iso.date()).optional().describe('Decided until then.'),
})

export const evaluationSchema = z
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

export const idParams = z.object({ id: z.string().max(64) })

/** Of whatever goes live through a gate: a policy, new words of a template. */
export const promotionSchema = z
  .strictObject({ override: z.string().min(1).max(2_000).optional(), actor: actorSchema })
  .refine(({ override, actor }) => override === undefined || actor !== undefined, {
    message: 'an override names its actor',
    path: ['actor'],
  })
const manifestSchema = z.looseObject({
  featureSchema: z.string(),
  parent: z.string().describe('The version in force before; empty for the first.'),
  publishedBy: z.enum(['learner', 'launch', 'promotion', 'rollback', 'features']),
  from: z.string().optional().describe('The version or candidate whose content it publishes again.'),
  rewards: z.int(),
})
export const versionSchema = z
  .object({
    id: z.string(),
    sequence: z.int(),
    publishedAt: z.int(),
    t: z.number(),
    boundMicros: z.number(),
    manifest: manifestSchema,
  })
  .meta({ id: 'PolicyVersion' })
export const candidateSchema = z
  .object({
    id: z.string(),
    proposedAt: z.int(),
    actor: z.string(),
    note: z.string(),
    state: z
      .enum(['building', 'proposed', 'promoted', 'failed'])
      .describe('`building`: the heads over a network are being taught by the rewards so far.'),
    changes: z.enum(['version', 'policy', 'heads', 'network']),
    sinceSnapshotId: z.string().describe('Judged by decisions that name this version or a later one.'),
    judgedAt: z.int().describe('When the gate last looked at it; 0 before.'),
    verdict: z
      .unknown()
      .describe(
        'The gate’s verdict with its figures; null before. While `building`: `{building: {done, total}}`.',
      ),
    snapshotId: z.string().describe('The version that it became; empty before.'),
    manifest: manifestSchema,
  })
  .meta({ id: 'PolicyCandidate' })
export const settingsSchema = z
  .object({
    automatic: z.boolean().describe('The strategist promotes what passes the gate.'),
    effectiveRowsMin: z.number().min(1_000).max(1e9),
    lossMaxShare: z
      .number()
      .min(0)
      .max(0.2)
      .describe('δ as a share of what the best constant action is worth.'),
    forgetHalfLifeDays: z
      .number()
      .min(1)
      .max(3_650)
      .nullable()
      .describe('After so many days what was learned counts half as much; null: nothing is forgotten.'),
  })
  .meta({ id: 'PolicySettings' })
export const proposalSchema = z.strictObject({
  from: z.string().max(64).default('latest').describe('The version whose content it starts from.'),
  heads: z
    .array(
      z.strictObject({
        campaignId: z.string().max(64),
        head: z.string().max(200).describe('`OFFER/CHANNEL`, or `nothing`.'),
        weights: z.array(z.number()).max(1_024),
        rewards: z.int().min(0).default(0).describe('It was trained on so many.'),
        meanReward: z.number().nullable().default(null),
      }),
    )
    .max(1_000)
    .default([])
    .describe('Weights made elsewhere, in place of the version’s own.'),
  seed: z.int().nullable().default(null).describe('Of what trained the weights.'),
  policy: policySchema.optional().describe('Another way of drawing.'),
  network: z
    .string()
    .max(64)
    .optional()
    .describe(
      'A trained network: heads over its bottleneck, taught by every reward so far. Answers with a candidate that is `building`; the role `strategist` teaches it.',
    ),
  note: z.string().max(2_000).default(''),
  actor: actorSchema,
})
