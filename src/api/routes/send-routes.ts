import { z } from 'zod'
import { idSchema } from '#contracts/campaign.ts'
import type { JsonObject } from '#contracts/json.ts'
import { createTemplateCache } from '../../creative/template-cache.ts'
import { sendTransactional, type TransactionalRequest } from '../../pipeline/send-transactional.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { problemOf, problemSchema, sendFault } from '../problem.ts'
import { adminSecurity } from '../shapes.ts'

const batchMax = 100
const bodyBytesMax = 262_144
const templatesKept = 1000

const requestSchema = z
  .strictObject({
    template: idSchema.describe('A template of kind `transactional`.'),
    to: z
      .strictObject({
        customer: z.string().min(1).max(256).optional().describe('User id, or our customer id.'),
        address: z
          .string()
          .min(1)
          .max(4096)
          .optional()
          .describe(
            'E-mail address, number (E.164, or as written in the workspace’s country) … as the template’s channel has it. Default: the customer’s.',
          ),
      })
      .describe('A customer, an address, or a customer at an address of this request’s own.'),
    data: z.record(z.string().max(256), z.json()).default({}).describe('For the template, as `data.…`.'),
  })
  .meta({ id: 'SendRequest' })
const keySchema = z.string().min(1).max(255)

const queuedSchema = z.object({
  id: z.string().describe('Ask `GET /messages/{id}` what became of it.'),
  state: z.literal('queued'),
  repeated: z.boolean().describe('It had been asked for with this key before.'),
})

/** Messages that somebody asked for: receipts, codes, alerts. */
export function sendRoutes({ store, clock, wake }: Doors): ApiRoutes {
  const parts = { store, wake, templates: createTemplateCache(templatesKept) }
  return (app) => {
    app.post(
      '/messages',
      {
        bodyLimit: bodyBytesMax,
        schema: {
          tags: ['messages'],
          summary: 'Send a transactional message',
          description:
            'Past caps, quiet hours, holdout, budget and marketing consent; never past a suppression or the kill switch. It is in the store when this is answered. The same key and body again get the same message, another body gets 409.',
          security: adminSecurity,
          headers: z.object({
            'idempotency-key': keySchema.describe(
              'One of a kind for each message: makes it safe to try again.',
            ),
          }),
          body: requestSchema,
          response: { 202: queuedSchema },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const asked = requestOf(request.headers['idempotency-key'], request.body)
        const [result] = await sendTransactional(parts, workspace, [asked], clock.now())
        if (result === undefined || result.kind === 'refused') {
          return sendFault(reply, result?.fault ?? { code: 'internal', detail: 'no answer' })
        }
        const { messageId, repeated } = result
        reply.header('location', `/api/v1/messages/${messageId}`)
        return reply.code(202).send({ id: messageId, state: 'queued', repeated })
      },
    )

    app.post(
      '/messages/batch',
      {
        bodyLimit: batchMax * bodyBytesMax,
        schema: {
          tags: ['messages'],
          summary: `Send up to ${batchMax} transactional messages`,
          description: 'Each by itself, in their order: one that is refused stops no other.',
          security: adminSecurity,
          body: z.strictObject({
            messages: z
              .array(requestSchema.extend({ idempotencyKey: keySchema }))
              .min(1)
              .max(batchMax),
          }),
          response: {
            202: z.object({
              messages: z.array(z.union([queuedSchema, z.object({ problem: problemSchema })])),
            }),
          },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const asked = request.body.messages.map(({ idempotencyKey, ...own }) =>
          requestOf(idempotencyKey, own),
        )
        const results = await sendTransactional(parts, workspace, asked, clock.now())
        const messages = results.map((result) =>
          result.kind === 'queued'
            ? { id: result.messageId, state: 'queued' as const, repeated: result.repeated }
            : { problem: problemOf(result.fault) },
        )
        return reply.code(202).send({ messages })
      },
    )
  }
}

function requestOf(
  key: string,
  { template, to, data }: z.output<typeof requestSchema>,
): TransactionalRequest {
  const whom: TransactionalRequest['to'] = {}
  if (to.customer !== undefined) whom.customer = to.customer
  if (to.address !== undefined) whom.address = to.address
  return { key: `api ${key}`, template, to: whom, data: data as JsonObject }
}
