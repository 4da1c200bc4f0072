import { z } from 'zod'
import { type DeliveryKind, deliveryKinds } from '#contracts/delivery.ts'
import type { RowOf } from '#platform/store/store.ts'
import { waitingFor } from '../action/dispatch/dispatcher.ts'
import { deliveryState } from '../action/message-event-rows.ts'
import type { MessageRow, MessageStory } from '../action/message-rows.ts'
import { channelSchema } from './shapes.ts'

export const messageStateSchema = z.enum(['queued', 'sending', 'sent', 'failed', 'unknown', 'lapsed'])

/** A message as operators see it. */
export const messageSchema = z
  .object({
    id: z.string(),
    state: messageStateSchema,
    reason: z.string().describe('Why it is in this state; see docs/errors.md.'),
    stateAt: z.int(),
    customerId: z.string(),
    campaignId: z.string(),
    campaignVersion: z.int(),
    treatmentId: z.string(),
    variantId: z.string(),
    channel: channelSchema,
    address: z.string(),
    decisionId: z.string(),
    transactional: z.boolean(),
    costMicros: z.int(),
    createdAt: z.int(),
    dueAt: z.int(),
    expiresAt: z.int(),
    expectedAt: z
      .int()
      .nullable()
      .describe('While it waits in line for a provider: when it is expected to go.'),
    sendingAt: z.int().nullable().describe('When it took its slot: the moment the send began.'),
    attempts: z.int(),
    locale: z.string().describe('What it is written in; empty before its send begins.'),
  })
  .meta({ id: 'Message' })

export function messageView(row: MessageRow): z.output<typeof messageSchema> {
  return {
    id: row.message_id,
    state: row.state,
    reason: row.reason,
    stateAt: row.state_at,
    customerId: row.customer_id,
    campaignId: row.campaign_id,
    campaignVersion: row.campaign_version,
    treatmentId: row.treatment_id,
    variantId: row.variant_id,
    channel: channelSchema.parse(row.channel),
    address: row.address,
    decisionId: row.decision_id,
    transactional: row.transactional === 1,
    costMicros: row.cost_micros,
    createdAt: row.created_at,
    dueAt: row.due_at,
    expiresAt: row.expires_at,
    expectedAt: row.state === 'queued' && row.reason.startsWith(waitingFor) ? row.due_at : null,
    sendingAt: row.sending_at,
    attempts: row.attempts,
    locale: row.locale,
  }
}

/** With all that happened to it. */
export const storySchema = messageSchema
  .extend({
    transitions: z.array(z.object({ state: messageStateSchema, reason: z.string(), at: z.int() })),
    attemptsMade: z.array(
      z.object({
        attempt: z.int(),
        provider: z.string(),
        startedAt: z.int(),
        endedAt: z.int().nullable(),
        result: z.string().describe('Empty while under way.'),
        reason: z.string(),
        providerMessageId: z.string(),
      }),
    ),
    delivery: z
      .enum(['', 'sent', 'delivered', 'bounced', 'failed', 'complained'])
      .describe('By all that its provider told, whatever came first; empty where nothing was told.'),
    told: z.array(
      z.object({
        kind: z.enum(deliveryKinds),
        at: z.int(),
        provider: z.string().describe('`mail`: a report that came back by mail.'),
        reason: z.string(),
      }),
    ),
  })
  .meta({ id: 'MessageStory' })

export function storyView(
  { message, transitions, attempts }: MessageStory,
  told: readonly RowOf<'message_events'>[],
): z.output<typeof storySchema> {
  return {
    ...messageView(message),
    transitions: transitions.map(({ state, reason, at }) => ({
      state: messageStateSchema.parse(state),
      reason,
      at,
    })),
    attemptsMade: attempts.map((row) => ({
      attempt: row.attempt,
      provider: row.provider,
      startedAt: row.started_at,
      endedAt: row.ended_at,
      result: row.result,
      reason: row.reason,
      providerMessageId: row.provider_message_id,
    })),
    delivery: deliveryState(told),
    told: told.map((row) => ({
      kind: row.kind as DeliveryKind,
      at: row.occurred_at,
      provider: row.provider,
      reason: row.reason,
    })),
  }
}
