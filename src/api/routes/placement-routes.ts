import { z } from 'zod'
import { idSchema } from '#contracts/campaign.ts'
import type { ApiFault } from '#contracts/errors.ts'
import { placementOutcomes } from '#contracts/event.ts'
import type { JsonObject } from '#contracts/json.ts'
import { microsOf } from '#contracts/money.ts'
import type { PlacementRequest } from '../../pipeline/placement/placement-request.ts'
import { createOutcomes } from '../../pipeline/placement/record-outcome.ts'
import { ranksMax } from '../../pipeline/placement/repeat.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity, channelSchema } from '../shapes.ts'

const batchMax = 100
/** Traits and context are facts, not documents. */
const bodyBytesMax = 65_536
const timeoutMs = z
  .int()
  .min(1)
  .max(10_000)
  .default(500)
  .describe('After this long the answer is the placement’s default, marked as degraded.')
const id = z.string().min(1).max(256)

const requestSchema = z
  .strictObject({
    placement: idSchema.describe('As campaigns name it in `trigger.placement`.'),
    customerId: id.optional().describe('Our id.'),
    userId: id.optional().describe('The product’s id of a user.'),
    anonymousId: id.optional().describe('The product’s id of a visitor.'),
    traits: z
      .record(z.string().max(256), z.json())
      .optional()
      .describe('Count for this decision, over what the profile has; they are not kept.'),
    context: z
      .record(z.string().max(256), z.json())
      .optional()
      .describe('Facts of the moment, for conditions (`property`) and templates (`event.properties.…`).'),
    count: z.int().min(1).max(ranksMax).default(1).describe('Ranks wanted, drawn without replacement.'),
    idempotencyKey: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .describe('A request that comes again with it within a day gets the first one’s answer.'),
    reasons: z.boolean().default(false).describe('With what each rank was chosen by.'),
  })
  .meta({ id: 'DecisionRequest' })
type Asked = z.output<typeof requestSchema>

const treatmentSchema = z.looseObject({
  rank: z.int(),
  decisionId: z.string().describe('Tell outcomes of this one.'),
  campaignId: z.string(),
  treatmentId: z.string(),
  variantId: z.string(),
  channel: channelSchema,
  offer: z.object({ id: z.string(), name: z.string(), facts: z.record(z.string(), z.unknown()) }),
  propensity: z
    .number()
    .nullable()
    .describe('Given what the ranks above had left; null where nothing was drawn.'),
  content: z
    .object({ subject: z.string(), html: z.string(), text: z.string() })
    .nullable()
    .describe('Null where the template could not be rendered: `contentFault` says why.'),
})
const answerSchema = z
  .looseObject({
    decisionId: z.string().nullable().describe('Of the first rank; null where there was nothing to decide.'),
    customerId: z.string(),
    placement: z.string(),
    decidedAt: z.int(),
    outcome: z.enum(['treatment', 'nothing', 'held-out', 'none-eligible', 'degraded']),
    degraded: z
      .union([z.literal(false), z.enum(['timeout', 'store_unavailable'])])
      .describe('Given without a decision, and why.'),
    repeated: z.boolean().describe('An earlier request had the same key: this is what it got.'),
    treatments: z
      .array(treatmentSchema)
      .describe('By rank; fewer where "nothing" was drawn or nothing is left.'),
    reasons: z.array(z.unknown()).optional().describe('Of each rank, as `GET /decisions/{id}` tells it.'),
  })
  .meta({ id: 'PlacementDecision' })

const outcomeSchema = z.strictObject({
  outcome: z
    .enum(placementOutcomes)
    .describe(
      'All but `declined` say that the customer has seen it. `accepted` and `declined` are an operator’s.',
    ),
  outcomeId: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .describe('Told again with it, it counts once. Default: one of a kind for each decision.'),
  value: z.number().min(0).max(1_000_000_000).optional().describe('Of a reward, in the reporting currency.'),
  reason: z.string().max(1000).optional(),
  operator: z.string().max(256).optional().describe('Who answered; default the key’s name.'),
  occurredAt: z.int().optional().describe('Default: now.'),
  customerId: id.optional().describe('From the answer: spares looking it up.'),
})

/** What to show or say at a placement, and what came of it. */
export function placementRoutes({ placements, store, log, clock, wallClock }: Doors): ApiRoutes {
  const outcomes = createOutcomes({ store, log, recent: placements.recent, clock, wallClock })
  return (app) => {
    app.post(
      '/decisions',
      {
        bodyLimit: bodyBytesMax,
        schema: {
          tags: ['decisions'],
          summary: 'Decide what to show or say at a placement',
          description:
            'Answers when the decision is on disk. Nobody who is known by the ids, or by none, gets what fits the traits.',
          security: adminSecurity,
          body: requestSchema.extend({ timeoutMs }),
          response: { 200: answerSchema },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const { timeoutMs: bound, ...asked } = request.body
        const fault = faultOf(asked, '')
        if (fault !== null) return sendFault(reply, fault)
        const result = await placements.decideOne(workspace, requestOf(asked), bound)
        if (result.kind === 'fault') return sendFault(reply, result.fault)
        return sendJson(reply, result.json)
      },
    )

    app.post(
      '/decisions/batch',
      {
        bodyLimit: batchMax * bodyBytesMax,
        schema: {
          tags: ['decisions'],
          summary: `Decide for up to ${batchMax} requests at once`,
          description: 'In their order; what the first ones took of a customer’s caps the later ones miss.',
          security: adminSecurity,
          body: z.strictObject({ requests: z.array(requestSchema).min(1).max(batchMax), timeoutMs }),
          response: { 200: z.object({ answers: z.array(answerSchema) }) },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const { requests, timeoutMs: bound } = request.body
        for (const [i, asked] of requests.entries()) {
          const fault = faultOf(asked, `requests[${i}].`)
          if (fault !== null) return sendFault(reply, fault)
        }
        const result = await placements.decide(workspace, requests.map(requestOf), bound)
        if (result.kind === 'fault') return sendFault(reply, result.fault)
        return sendJson(reply, Buffer.from(JSON.stringify({ answers: result.answers })))
      },
    )

    app.post(
      '/decisions/:id/outcomes',
      {
        schema: {
          tags: ['decisions'],
          summary: 'Tell what became of a decision at a placement',
          description:
            'Only what is shown is learned from: tell the exposure. Answers when it is on disk; told twice, it counts once.',
          security: adminSecurity,
          params: z.object({ id: z.string().max(64).describe('`decisionId` of the treatment.') }),
          body: outcomeSchema,
          response: { 200: z.object({ decisionId: z.string(), outcomeId: z.string() }) },
        },
      },
      async (request, reply) => {
        const { workspace, name } = principalOf(request)
        const { outcome, outcomeId, value, reason, operator, occurredAt, customerId } = request.body
        const decisionId = request.params.id
        const isAnswer = outcome === 'accepted' || outcome === 'declined'
        const result = await outcomes.record(workspace, {
          decisionId,
          outcome,
          ...(value === undefined || outcome !== 'reward' ? {} : { valueMicros: microsOf(value) }),
          ...(reason === undefined ? {} : { reason }),
          ...(isAnswer ? { operator: operator ?? name } : {}),
          ...(outcomeId === undefined ? {} : { outcomeId }),
          ...(occurredAt === undefined ? {} : { occurredAt }),
          ...(customerId === undefined ? {} : { customerId }),
        })
        if (result.kind === 'fault') return sendFault(reply, result.fault)
        return reply.send({ decisionId, outcomeId: result.outcomeId })
      },
    )
  }
}

/** Its shape is ours: a second look at 5 kB of content costs more than the decision. */
function sendJson<Reply extends object>(typedReply: Reply, body: Uint8Array): Reply {
  const reply = typedReply as unknown as {
    header(name: string, value: string): { send(body: Uint8Array): void }
  }
  reply.header('content-type', 'application/json; charset=utf-8').send(body)
  return typedReply
}

function faultOf({ customerId, userId, anonymousId, traits }: Asked, at: string): ApiFault | null {
  const code = 'invalid_request'
  if (customerId !== undefined && (userId ?? anonymousId) !== undefined) {
    const detail = 'give our customerId or the product’s ids, not both'
    return { code, detail, field: `${at}customerId` }
  }
  if ((customerId ?? userId ?? anonymousId) === undefined && traits === undefined)
    return { code, detail: 'say who it is for: an id, or traits', field: `${at}userId` }
  return null
}

function requestOf({ placement, count, reasons, ...rest }: Asked): PlacementRequest {
  const request: PlacementRequest = { placement, count, reasons }
  const { customerId, userId, anonymousId, traits, context, idempotencyKey } = rest
  if (customerId !== undefined) request.customerId = customerId
  if (userId !== undefined) request.userId = userId
  if (anonymousId !== undefined) request.anonymousId = anonymousId
  if (traits !== undefined) request.traits = traits as JsonObject
  if (context !== undefined) request.context = context as JsonObject
  if (idempotencyKey !== undefined) request.idempotencyKey = idempotencyKey
  return request
}
