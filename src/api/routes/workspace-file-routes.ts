import { z } from 'zod'
import { parseWorkspaceFile } from '../../campaign/workspace-file.ts'
import { applyWorkspaceFile } from '../../pipeline/change-workspace.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity } from '../shapes.ts'

const fileBytesMax = 8 * 1024 * 1024

const changeSchema = z
  .object({
    kind: z.string().describe('goal, offer, template, segment, experiment, campaign, guardrails, …'),
    id: z.string(),
    change: z.enum(['create', 'update', 'unchanged']),
    lines: z.array(z.string()).describe('For people: `~ treatments[0].cost: 1 → 2`.'),
  })
  .meta({ id: 'DocumentChange' })

export function workspaceFileRoutes({ store, clock, limits }: Doors): ApiRoutes {
  return (app) => {
    app.post(
      '/workspace-file',
      {
        bodyLimit: fileBytesMax,
        schema: {
          tags: ['campaigns'],
          summary: 'Apply a file of definitions',
          description:
            'Campaigns, offers, templates, segments, experiments, goals and guardrails as YAML: all of it or nothing. A changed campaign gets a draft version; what runs goes on until that draft is launched.',
          security: adminSecurity,
          body: z.object({
            yaml: z.string().max(fileBytesMax),
            dryRun: z.boolean().default(false).describe('Only say what would change.'),
            actor: z.string().min(1).max(200).optional().describe('Who applies it. Default: the key’s name.'),
          }),
          response: {
            200: z.object({
              applied: z.boolean(),
              changes: z.array(changeSchema),
              versions: z
                .array(z.object({ campaignId: z.string(), version: z.int() }))
                .describe('Drafts that are made.'),
              warnings: z
                .array(z.string())
                .describe('Templates whose own words are more than a configured provider takes.'),
            }),
          },
        },
      },
      async (request, reply) => {
        const { yaml, dryRun, actor } = request.body
        const principal = principalOf(request)
        const parsed = parseWorkspaceFile(yaml)
        if ('faults' in parsed) return sendFault(reply, invalid(parsed.faults))
        const plan = await applyWorkspaceFile(
          { store, clock, limits },
          { workspace: principal.workspace, actor: actor ?? principal.name, file: parsed.file, dryRun },
        )
        if (plan.faults.length > 0) return sendFault(reply, invalid(plan.faults))
        return reply.send({
          applied: !dryRun,
          changes: plan.changes.map(({ kind, id, change, lines }) => ({ kind, id, change, lines })),
          versions: plan.versions.map(({ campaignId, version }) => ({ campaignId, version })),
          warnings: plan.warnings,
        })
      },
    )
  }
}

function invalid(faults: { field: string; detail: string }[]) {
  const [first] = faults
  const more = faults.length > 1 ? `; and ${faults.length - 1} more` : ''
  const place = first === undefined || first.field === '' ? '' : `${first.field}: `
  return {
    code: 'invalid_definition' as const,
    detail: `${place}${first?.detail ?? ''}${more}`,
    ...(first === undefined || first.field === '' ? {} : { field: first.field }),
    faults,
  }
}
