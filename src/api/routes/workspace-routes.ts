import { z } from 'zod'
import type { WorkspaceSettings } from '#contracts/workspace.ts'
import { loadWorkspace, type WorkspacePatch } from '../../campaign/workspaces.ts'
import { changeSettings } from '../../pipeline/change-workspace.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity, alreadySendingSchema } from '../shapes.ts'

export const sendModeSchema = z
  .enum(['outbox', 'allowlist', 'live'])
  .describe('`outbox`: nothing leaves. `allowlist`: only listed addresses are sent to.')

const workspaceSchema = z
  .object({
    workspace: z.string(),
    name: z.string(),
    sendMode: sendModeSchema,
    allowlist: z.array(z.string()),
    killSwitch: z.boolean(),
    reportingCurrency: z.string(),
    zone: z.string(),
    country: z.string().optional().describe('Of phone numbers without a country code.'),
    locale: z.string().optional().describe('Of templates that do not say theirs.'),
  })
  .meta({ id: 'Workspace' })

const patchSchema = z.strictObject({
  name: z.string().max(200).optional(),
  sendMode: sendModeSchema.optional(),
  allowlist: z.array(z.string().max(254)).max(1000).optional().describe('Addresses and `@domain`s.'),
  killSwitch: z.boolean().optional().describe('On: nothing is sent.'),
  zone: z.string().max(64).optional().describe('IANA zone of customers without one of their own.'),
  country: z
    .string()
    .length(2)
    .optional()
    .describe('ISO 3166: whose numbers those are that have no country code.'),
  locale: z
    .string()
    .max(35)
    .optional()
    .describe('BCP 47: what templates are written in that do not say, and what others fall back to.'),
  actor: z.string().min(1).max(200).optional().describe('Who changes it. Default: the key’s name.'),
})

export function workspaceRoutes({ store, clock }: Doors): ApiRoutes {
  return (app) => {
    app.get(
      '/workspace',
      {
        schema: {
          tags: ['operations'],
          summary: 'Settings of the workspace that the key belongs to',
          security: adminSecurity,
          response: { 200: workspaceSchema },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const settings = await loadWorkspace(store.read, workspace)
        if (settings === null) {
          return sendFault(reply, { code: 'not_found', detail: `there is no workspace ${workspace}` })
        }
        return reply.send(settings)
      },
    )

    app.patch(
      '/workspace',
      {
        schema: {
          tags: ['operations'],
          summary: 'Change settings: send mode, kill switch, allowlist, name, zone, country, locale',
          description:
            'In force before it is answered: no send begins after a kill switch was acknowledged. The answer lists the messages whose send had begun before.',
          security: adminSecurity,
          body: patchSchema,
          response: { 200: workspaceSchema.extend({ alreadySending: alreadySendingSchema }) },
        },
      },
      async (request, reply) => {
        const principal = principalOf(request)
        const { actor = principal.name, ...given } = request.body
        const result = await changeSettings(
          { store, clock },
          { workspace: principal.workspace, actor, patch: withoutMissing(given) },
        )
        if (result.kind === 'refused') return sendFault(reply, result.fault)
        const settings: WorkspaceSettings = result.settings
        return reply.send({ ...settings, alreadySending: result.alreadySending })
      },
    )
  }
}

function withoutMissing(
  given: { [K in keyof WorkspacePatch]: WorkspacePatch[K] | undefined },
): WorkspacePatch {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}
