import { z } from 'zod'
import { offerSchema, type Template, templateSchema } from '#contracts/campaign.ts'
import type { ApiFault } from '#contracts/errors.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { loadDocuments } from '../../campaign/document-rows.ts'
import { loadWorkspace } from '../../campaign/workspaces.ts'
import { findCustomer } from '../../pipeline/find-customer.ts'
import { type Asked, previewFor } from '../../pipeline/preview-template.ts'
import { loadCustomers } from '../../profile/customer-rows.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity } from '../shapes.ts'

const bodySchema = z.object({
  template: templateSchema.optional().describe('A template as a file has it; or name one that is applied.'),
  templateId: z.string().max(64).optional(),
  customer: z.string().min(1).max(256).describe('User id or customer id.'),
  offerId: z.string().max(64).optional().describe('For `offer.…`.'),
  locale: z
    .string()
    .max(35)
    .optional()
    .describe('As if the customer read this. Default: the customer’s own.'),
  event: z
    .object({ name: z.string(), properties: z.record(z.string(), z.json()).default({}) })
    .optional()
    .describe('For `event.…`.'),
})

export function templateRoutes({ store, settings, limits, clock }: Doors): ApiRoutes {
  return (app) => {
    app.post(
      '/templates/preview',
      {
        bodyLimit: 2 * 1024 * 1024,
        schema: {
          tags: ['campaigns'],
          summary: 'A template as a given customer would get it',
          description:
            'Variables without a value are listed and shown as ⟨name⟩: that message would be stopped. So would one that is larger than a configured provider takes: `faults` says which.',
          security: adminSecurity,
          body: bodySchema,
          response: {
            200: z.object({
              content: z
                .object({
                  subject: z.string(),
                  html: z.string(),
                  text: z.string(),
                  url: z.string(),
                  data: z.record(z.string(), z.json()),
                })
                .nullable()
                .describe('Null where it cannot be rendered at all: see `faults`.'),
              locale: z.string().describe('In which it is written.'),
              missing: z.array(z.string()).describe('`items.viewed`: that list is too short.'),
              faults: z.array(z.string()),
            }),
          },
        },
      },
      async (request, reply) => {
        const db = store.read.workspace(principalOf(request).workspace)
        const { body } = request
        const template = await templateOf(db, body)
        if ('code' in template) return sendFault(reply, template)
        const customerId = await findCustomer(db, body.customer)
        const customer = (await loadCustomers(db, [customerId])).get(customerId)
        if (customer === undefined) {
          const detail = `there is no customer ${body.customer}`
          return sendFault(reply, { code: 'not_found', detail, field: 'customer' })
        }
        const offer = await offerOf(db, body.offerId)
        if ('code' in offer) return sendFault(reply, offer)
        return reply.send(
          await previewFor(db, {
            template,
            customer,
            offer,
            event: body.event as Asked['event'],
            locale: body.locale ?? customer.profile.locale,
            publicUrl: settings.publicUrl,
            workspaceLocale: (await loadWorkspace(store.read, db.workspace))?.locale,
            limits: limits.get(template.channel),
            now: clock.now(),
          }),
        )
      },
    )
  }
}

async function templateOf(
  db: WorkspaceDb,
  { template, templateId }: z.output<typeof bodySchema>,
): Promise<Template | ApiFault> {
  if (template !== undefined) return template
  if (templateId === undefined) {
    return { code: 'invalid_request', detail: 'give a template, or the templateId of one', field: 'template' }
  }
  const stored = (await loadDocuments(db, 'template')).find(({ id }) => id === templateId)
  if (stored !== undefined) return stored.body as Template
  return { code: 'not_found', detail: `there is no template ${templateId}`, field: 'templateId' }
}

async function offerOf(db: WorkspaceDb, offerId: string | undefined) {
  if (offerId === undefined) return offerSchema.parse({ id: 'preview', name: '⟨offer.name⟩' })
  const stored = (await loadDocuments(db, 'offer')).find(({ id }) => id === offerId)
  if (stored !== undefined) return offerSchema.parse(stored.body)
  return { code: 'not_found' as const, detail: `there is no offer ${offerId}`, field: 'offerId' }
}
