import { z } from 'zod'
import type { MessageRow } from '../action/message-rows.ts'
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
    sendingAt: z.int().nullable().describe('When it took its slot: the moment the send began.'),
    attempts: z.int(),
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
    sendingAt: row.sending_at,
    attempts: row.attempts,
  }
}
