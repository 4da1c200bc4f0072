import { z } from 'zod'
import { templateSchema } from '#contracts/campaign.ts'
import {
  listTemplateCandidates,
  loadTemplateCandidate,
  type TemplateCandidate,
} from '../../creative/template-candidate-rows.ts'
import {
  promoteTemplate,
  proposeTemplate,
  rollBackTemplate,
  withdrawTemplate,
} from '../../pipeline/template-versions.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { actorSchema, adminSecurity } from '../shapes.ts'
import { idParams, promotionSchema } from './policy-shapes.ts'

const candidateSchema = z
  .object({
    id: z.string(),
    templateId: z.string(),
    version: z.int().describe('Of the template, once it is promoted.'),
    baseVersion: z.int().describe('The version that it would replace.'),
    share: z.number(),
    places: z.array(
      z.object({
        campaignId: z.string(),
        treatmentId: z.string(),
        champion: z.string().describe('Variant of the old words.'),
        challenger: z.string().describe('Variant of the new words.'),
        weight: z.number(),
      }),
    ),
    proposedAt: z.int(),
    actor: z.string(),
    note: z.string(),
    state: z.enum(['proposed', 'promoted', 'withdrawn', 'rolled-back']),
    judgedAt: z.int().describe('When the gate last looked at it; 0 before.'),
    verdict: z.unknown().describe('The gate’s verdict with its figures; null before.'),
    settledAt: z.int().describe('When it was promoted, withdrawn or rolled back; 0 before.'),
    settledBy: z.string(),
    reason: z.string(),
  })
  .meta({ id: 'TemplateCandidate' })
const reasonSchema = z.strictObject({ reason: z.string().min(1).max(2_000), actor: actorSchema })

export function templateCandidateRoutes({ store, clock }: Doors): ApiRoutes {
  const parts = { store, clock }
  return (app) => {
    app.get(
      '/templates/candidates',
      {
        schema: {
          tags: ['campaigns'],
          summary: 'New words of templates that were proposed, newest first',
          security: adminSecurity,
          querystring: z.object({
            template: z.string().max(64).optional(),
            limit: z.coerce.number().int().min(1).max(200).default(50),
          }),
          response: { 200: z.object({ items: z.array(candidateSchema) }) },
        },
      },
      async (request) => {
        const { template: templateId, limit } = request.query
        const db = store.read.workspace(principalOf(request).workspace)
        const asked = { limit, ...(templateId === undefined ? {} : { templateId }) }
        return { items: (await listTemplateCandidates(db, asked)).map(viewOf) }
      },
    )

    app.get(
      '/templates/candidates/:id',
      {
        schema: {
          tags: ['campaigns'],
          summary: 'Proposed words, with what the gate said of them',
          security: adminSecurity,
          params: idParams,
          response: { 200: candidateSchema },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const db = store.read.workspace(principalOf(request).workspace)
        const candidate = await loadTemplateCandidate(db, id)
        if (candidate === null)
          return sendFault(reply, { code: 'not_found', detail: `there is no proposed template ${id}` })
        return reply.send(viewOf(candidate))
      },
    )

    app.post(
      '/templates/candidates',
      {
        bodyLimit: 2 * 1024 * 1024,
        schema: {
          tags: ['campaigns'],
          summary: 'Try new words of a template beside the old ones',
          description:
            'By a person, whose proposal approves the words. They take part as a variant, from now on, in every live campaign that uses the template.',
          security: adminSecurity,
          body: z.strictObject({
            template: templateSchema.describe('The new words; `id` names the template.'),
            share: z
              .number()
              .min(0.01)
              .max(0.99)
              .default(0.5)
              .describe('Of the weight of each variant that has the old words.'),
            note: z.string().max(2_000).default(''),
            actor: actorSchema,
          }),
          response: { 201: candidateSchema },
        },
      },
      async (request, reply) => {
        const { workspace, name } = principalOf(request)
        const { actor = name, ...proposal } = request.body
        const result = await proposeTemplate(parts, { workspace, actor, ...proposal })
        if (result.kind === 'refused') return sendFault(reply, result.fault)
        return reply.code(201).send(viewOf(result.candidate))
      },
    )

    app.post(
      '/templates/candidates/:id/promote',
      {
        schema: {
          tags: ['campaigns'],
          summary: 'Let new words take the place of the old ones, through the gate',
          description:
            'Judged on today’s outcomes. `override`: a named person’s reason to let them live against the gate; who, when, why and the figures stay in the audit.',
          security: adminSecurity,
          params: idParams,
          body: promotionSchema,
          response: { 200: z.object({ candidate: candidateSchema, verdict: z.unknown() }) },
        },
      },
      async (request, reply) => {
        const { workspace, name } = principalOf(request)
        const { override = null, actor = name } = request.body
        const change = { workspace, actor, candidateId: request.params.id, override }
        const result = await promoteTemplate(parts, change)
        if (result.kind === 'refused') return sendFault(reply, result.fault)
        return reply.send({ candidate: viewOf(result.candidate), verdict: result.verdict })
      },
    )

    app.post(
      '/templates/candidates/:id/withdraw',
      {
        schema: {
          tags: ['campaigns'],
          summary: 'Take proposed words out again',
          security: adminSecurity,
          params: idParams,
          body: reasonSchema,
          response: { 200: candidateSchema },
        },
      },
      async (request, reply) => {
        const { workspace, name } = principalOf(request)
        const { reason, actor = name } = request.body
        const change = { workspace, actor, candidateId: request.params.id, reason }
        const result = await withdrawTemplate(parts, change)
        if (result.kind === 'refused') return sendFault(reply, result.fault)
        return reply.send(viewOf(result.candidate))
      },
    )

    app.post(
      '/templates/:id/rollback',
      {
        schema: {
          tags: ['campaigns'],
          summary: 'Put the words that were last replaced in force again',
          security: adminSecurity,
          params: idParams,
          body: reasonSchema,
          response: { 200: candidateSchema },
        },
      },
      async (request, reply) => {
        const { workspace, name } = principalOf(request)
        const { reason, actor = name } = request.body
        const change = { workspace, actor, templateId: request.params.id, reason }
        const result = await rollBackTemplate(parts, change)
        if (result.kind === 'refused') return sendFault(reply, result.fault)
        return reply.send(viewOf(result.candidate))
      },
    )
  }
}

function viewOf({ candidateId, ...rest }: TemplateCandidate) {
  return { ...rest, id: candidateId }
}
