import { z } from 'zod'
import { backUp } from '../../pipeline/back-up.ts'
import { checkNames, differencesShownMax, verify } from '../../pipeline/verify.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity } from '../shapes.ts'
import { version } from '../version.ts'

const verificationSchema = z
  .object({
    workspace: z.string(),
    checked: z.record(z.enum(checkNames), z.int()).describe('How many things each check looked at.'),
    differencesCount: z.int(),
    differences: z
      .array(
        z.object({
          check: z.enum(checkNames),
          id: z.string().describe('Of the customer, message, decision or event.'),
          detail: z.string(),
          repaired: z.boolean(),
        }),
      )
      .describe(`The first ${differencesShownMax}.`),
    repairedCount: z.int(),
  })
  .meta({ id: 'Verification' })

const verifyText =
  'Counts what is derived again from the primary rows, and asks of the ledger whether every rule was kept. Each difference is named.'

export function maintenanceRoutes({ store, clock, wallClock, location, config, settings }: Doors): ApiRoutes {
  const parts = { store, clock, wallClock, eventsKeepDays: settings.eventsKeepDays }
  return (app) => {
    app.get(
      '/verify',
      {
        schema: {
          tags: ['operations'],
          summary: 'Count again and compare',
          description: verifyText,
          security: adminSecurity,
          response: { 200: verificationSchema },
        },
      },
      (request) => verify(parts, principalOf(request).workspace, { repair: false }),
    )

    app.post(
      '/verify',
      {
        schema: {
          tags: ['operations'],
          summary: 'Count again and mend what is derived',
          description: `${verifyText} With \`repair\`, counts of profiles and segments are mended; what the ledger shows broken stays.`,
          security: adminSecurity,
          body: z.object({ repair: z.boolean().default(false) }).nullish(),
          response: { 200: verificationSchema },
        },
      },
      (request) => verify(parts, principalOf(request).workspace, { repair: request.body?.repair ?? false }),
    )

    app.post(
      '/backup',
      {
        schema: {
          tags: ['operations'],
          summary: 'Copy store and log into a folder of the server’s machine',
          description:
            'While both are in use: the store first, then the log. Not where the store is PostgreSQL.',
          security: adminSecurity,
          body: z.object({ folder: z.string().min(1).max(4096).describe('Absolute; made where missing.') }),
          response: { 200: z.object({ folder: z.string(), files: z.array(z.string()) }) },
        },
      },
      async (request, reply) => {
        const { dataDir } = config
        const result = await backUp({ location, dataDir, now: wallClock.now(), version }, request.body.folder)
        if (result.kind === 'refused') return sendFault(reply, result.fault)
        return reply.send({ folder: result.folder, files: result.files })
      },
    )
  }
}
