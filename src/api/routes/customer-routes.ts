import { z } from 'zod'
import { idSchema } from '#contracts/campaign.ts'
import { createLinks } from '../../action/links.ts'
import { listMessages } from '../../action/message-rows.ts'
import { loadAssignments } from '../../campaign/assignment-rows.ts'
import { loadSubscriptionGroups } from '../../campaign/document-rows.ts'
import { createTemplateCache } from '../../creative/template-cache.ts'
import { changeConsents } from '../../pipeline/change-consent.ts'
import { findCustomer } from '../../pipeline/find-customer.ts'
import { linkSecret } from '../../pipeline/first-start.ts'
import {
  type ConsentChoice,
  type ConsentProof,
  loadConsentRecords,
  loadConsents,
} from '../../profile/consent-rows.ts'
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
const templatesKept = 100
const consentSchema = z.enum(['granted', 'pending', 'denied'])
const choiceSchema = z.enum(['granted', 'denied'])
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
      .record(z.string(), consentSchema)
      .describe(
        'By channel (`email`) and topic in it (`email/news`; `email/*`: what has no topic). What was never asked about is missing; `pending` is to be confirmed by the customer.',
      ),
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

const consentBody = z.object({
  state: choiceSchema,
  source: z.string().min(1).max(200).default('api').describe('Where it comes from.'),
  ip: z.string().max(100).optional().describe('Of the customer, as proof.'),
  userAgent: z.string().max(500).optional(),
  textVersion: z.string().max(200).optional().describe('Which text they saw. Default: the group’s version.'),
})

const recordSchema = z
  .object({
    channel: channelSchema,
    topic: z.string().describe('Empty: the channel as a whole.'),
    state: consentSchema,
    source: z.string(),
    actor: z.string().describe('The API key that noted it; empty where the customer did.'),
    messageId: z.string().describe('Whose link was used.'),
    ip: z.string(),
    userAgent: z.string(),
    textVersion: z.string().describe('`news@3`: the group in its third version.'),
    at: z.int(),
  })
  .meta({ id: 'ConsentRecord' })

export function customerRoutes({ store, clock, wake, settings }: Doors): ApiRoutes {
  return async (app) => {
    const links = createLinks({ secret: await linkSecret(store), baseUrl: settings.publicUrl })
    const consentParts = { store, clock, wake, links, templates: createTemplateCache(templatesKept) }

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
          consents: { ...found.consents } as Record<string, z.output<typeof consentSchema>>,
          assignments: found.assignments,
          scores: found.scores,
          messages: found.messages.map(messageView),
        })
      },
    )

    const noteConsent = async (
      principal: ReturnType<typeof principalOf>,
      customer: string,
      choice: ConsentChoice,
      { ip, userAgent, textVersion, source }: z.output<typeof consentBody>,
    ) => {
      const proof: ConsentProof = { source, actor: principal.name }
      if (ip !== undefined) proof.ip = ip
      if (userAgent !== undefined) proof.userAgent = userAgent
      const own = textVersion === undefined ? choice : { ...choice, textVersion }
      const { workspace, name } = principal
      return changeConsents(consentParts, { workspace, actor: name, customer, choices: [own], proof })
    }

    app.put(
      '/customers/:id/consents/:channel',
      {
        schema: {
          tags: ['customers'],
          summary: 'Note consent, or its withdrawal',
          description:
            'Of a channel as a whole. In force before it is answered, also for somebody who is not known yet. The answer lists the messages whose send had begun before.',
          security: adminSecurity,
          params: params.extend({ channel: channelSchema }),
          body: consentBody,
          response: {
            200: z.object({
              customerId: z.string(),
              channel: channelSchema,
              state: choiceSchema,
              alreadySending: alreadySendingSchema,
            }),
          },
        },
      },
      async (request, reply) => {
        const { id, channel } = request.params
        const { state } = request.body
        const changed = await noteConsent(principalOf(request), id, { channel, state }, request.body)
        const { customerId, alreadySending } = changed
        return reply.send({ customerId, channel, state, alreadySending })
      },
    )

    app.put(
      '/customers/:id/subscriptions/:topic/:channel',
      {
        schema: {
          tags: ['customers'],
          summary: 'Subscribe a customer to a topic in a channel, or unsubscribe them',
          description:
            'In force before it is answered. A yes to a topic with double opt-in is `pending`, and the customer gets the message that asks to confirm, once an hour at most. A yes in a channel that had been refused as a whole takes back that refusal, and says no to every other topic there.',
          security: adminSecurity,
          params: params.extend({ topic: idSchema, channel: channelSchema }),
          body: consentBody,
          response: {
            200: z.object({
              customerId: z.string(),
              topic: z.string(),
              channel: channelSchema,
              state: consentSchema,
              confirmation: z
                .object({
                  messageId: z.string().nullable().describe('Null: it could not be sent.'),
                  detail: z.string(),
                })
                .nullable()
                .describe('Of a pending yes.'),
              alreadySending: alreadySendingSchema,
            }),
          },
        },
      },
      async (request, reply) => {
        const { id, topic, channel } = request.params
        const { state } = request.body
        const principal = principalOf(request)
        const groups = await loadSubscriptionGroups(store.read.workspace(principal.workspace))
        const group = groups.find((own) => own.id === topic)
        if (group?.channels.includes(channel) !== true) {
          const detail = `there is no subscription group ${topic} in ${channel}`
          return sendFault(reply, { code: 'not_found', detail, field: 'topic' })
        }
        const changed = await noteConsent(principal, id, { channel, topic, state }, request.body)
        const { customerId, alreadySending, confirmations } = changed
        const [first] = confirmations
        return reply.send({
          customerId,
          topic,
          channel,
          state: first === undefined ? state : 'pending',
          confirmation: first === undefined ? null : { messageId: first.messageId, detail: first.detail },
          alreadySending,
        })
      },
    )

    app.get(
      '/customers/:id/consent-records',
      {
        schema: {
          tags: ['customers'],
          summary: 'Proof of consent',
          description:
            'Every yes and every no of a customer with when, where and what they saw, oldest first.',
          security: adminSecurity,
          params,
          response: { 200: z.object({ customerId: z.string(), records: z.array(recordSchema) }) },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const found = await store.snapshot(async (scope) => {
          const db = scope.workspace(workspace)
          const customerId = await findCustomer(db, request.params.id)
          return { customerId, rows: await loadConsentRecords(db, customerId) }
        })
        return reply.send({
          customerId: found.customerId,
          records: found.rows.map((row) => ({
            channel: channelSchema.parse(row.channel),
            topic: row.topic,
            state: row.state,
            source: row.source,
            actor: row.actor,
            messageId: row.message_id,
            ip: row.ip,
            userAgent: row.user_agent,
            textVersion: row.text_version,
            at: row.recorded_at,
          })),
        })
      },
    )
  }
}
