import { z } from 'zod'
import { listMessages } from '../../action/message-rows.ts'
import { loadAssignments } from '../../campaign/assignment-rows.ts'
import { changeConsent } from '../../pipeline/change-contact.ts'
import { findCustomer } from '../../pipeline/find-customer.ts'
import { loadConsents } from '../../profile/consent-rows.ts'
import { loadCustomers } from '../../profile/customer-rows.ts'
import { readIdentitiesOf } from '../../profile/identity-rows.ts'
import { loadScores } from '../../profile/score-rows.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { messageSchema, messageView } from '../message-view.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity, alreadySendingSchema, channelSchema } from '../shapes.ts'

const messagesShown = 20
const consentSchema = z.enum(['granted', 'denied'])
const params = z.object({
  id: z.string().min(1).max(256).describe('The product’s user id, or our customer id.'),
})

const customerSchema = z
  .object({
    customerId: z.string(),
    profile: z.looseObject({
      traits: z.record(z.string(), z.unknown()),
      counts: z.record(z.string(), z.unknown()).describe('By event name, with days and money.'),
      segments: z.record(z.string(), z.int()).describe('Segment to the instant of entering.'),
    }),
    identities: z.array(z.object({ kind: z.enum(['user', 'anonymous']), id: z.string(), linkedAt: z.int() })),
    consents: z
      .partialRecord(channelSchema, consentSchema)
      .describe('A channel never asked about is missing.'),
    assignments: z.array(
      z.object({
        campaignId: z.string(),
        heldOut: z.boolean(),
        arm: z.string(),
        enteredAt: z.int(),
        decisionId: z.string(),
      }),
    ),
    scores: z
      .array(z.object({ score: z.string(), value: z.number(), modelId: z.string(), scoredAt: z.int() }))
      .describe('Calibrated probabilities of the last scoring.'),
    messages: z.array(messageSchema).describe(`The last ${messagesShown}, newest first.`),
  })
  .meta({ id: 'Customer' })

export function customerRoutes({ store, clock }: Doors): ApiRoutes {
  return (app) => {
    app.get(
      '/customers/:id',
      {
        schema: {
          tags: ['customers'],
          summary: 'What is known of a customer',
          security: adminSecurity,
          params,
          response: { 200: customerSchema },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const { id } = request.params
        const found = await store.snapshot(async (scope) => {
          const db = scope.workspace(workspace)
          const customerId = await findCustomer(db, id)
          const customer = (await loadCustomers(db, [customerId])).get(customerId)
          if (customer === undefined) return null
          return {
            customer,
            identities: await readIdentitiesOf(db, customerId),
            consents: (await loadConsents(db, [customerId])).get(customerId) ?? {},
            assignments: await loadAssignments(db, [customerId]),
            scores: await loadScores(db, customerId),
            messages: await listMessages(db, { customerId, limit: messagesShown }),
          }
        })
        if (found === null)
          return sendFault(reply, { code: 'not_found', detail: `there is no customer ${id}` })
        const { customerId, profile } = found.customer
        return reply.send({
          customerId,
          profile: { ...profile },
          identities: found.identities.map((row) => ({
            kind: row.kind,
            id: row.external_id,
            linkedAt: row.linked_at,
          })),
          consents: found.consents,
          assignments: found.assignments,
          scores: found.scores,
          messages: found.messages.map(messageView),
        })
      },
    )

    app.put(
      '/customers/:id/consents/:channel',
      {
        schema: {
          tags: ['customers'],
          summary: 'Note consent, or its withdrawal',
          description:
            'In force before it is answered, also for somebody who is not known yet. The answer lists the messages whose send had begun before.',
          security: adminSecurity,
          params: params.extend({ channel: channelSchema }),
          body: z.object({
            state: consentSchema,
            source: z.string().min(1).max(200).default('api').describe('Where it comes from.'),
          }),
          response: {
            200: z.object({
              customerId: z.string(),
              channel: channelSchema,
              state: consentSchema,
              alreadySending: alreadySendingSchema,
            }),
          },
        },
      },
      async (request, reply) => {
        const { workspace, name } = principalOf(request)
        const { id, channel } = request.params
        const { state, source } = request.body
        const changed = await changeConsent(
          { store, clock },
          { workspace, actor: name, customer: id, channel, state, source },
        )
        return reply.send({ ...changed, channel, state })
      },
    )
  }
}
