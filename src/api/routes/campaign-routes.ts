import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import type { CampaignVersion } from '#contracts/campaign.ts'
import { type ListedCampaign, listCampaigns, loadCampaignHistory } from '../../campaign/campaign-rows.ts'
import { countSteps } from '../../campaign/journey-rows.ts'
import { standingOf } from '../../campaign/standing.ts'
import { readStarter } from '../../learning/starter.ts'
import { campaignReport } from '../../pipeline/campaign-report.ts'
import { moveCampaign } from '../../pipeline/change-workspace.ts'
import { shipArm } from '../../pipeline/ship-arm.ts'
import { reportCsv } from '../../report/report-csv.ts'
import { upliftReportSchema } from '../../report/report-schema.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity, alreadySendingSchema, stepBody, stepBy } from '../shapes.ts'

const stateSchema = z.enum(['draft', 'in-review', 'approved', 'live', 'paused', 'ended'])
const versionSchema = z
  .object({
    version: z.int(),
    state: stateSchema,
    actor: z.string(),
    note: z.string(),
    createdAt: z.int(),
  })
  .meta({ id: 'CampaignVersion' })
const listedSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    version: z.int(),
    state: stateSchema,
    waiting: z
      .object({ version: z.int(), state: stateSchema })
      .nullable()
      .describe('The version that would follow the one in effect.'),
  })
  .meta({ id: 'ListedCampaign' })
const campaignSchema = listedSchema
  .extend({
    spec: z.unknown().describe('The version in effect, with everything it refers to.'),
    history: z.array(versionSchema).describe('Every version, oldest first.'),
    steps: z
      .array(z.object({ stepId: z.string(), waiting: z.int(), passed: z.int() }))
      .describe('Of a cadence: customers at each step, and how often it was passed.'),
  })
  .meta({ id: 'Campaign' })

const idParams = z.object({ id: z.string().max(64) })
const actions = ['submit', 'approve', 'launch', 'pause', 'end'] as const

export function campaignRoutes({ store, clock }: Doors): ApiRoutes {
  const starter = readStarter()
  return (app) => {
    app.get(
      '/campaigns',
      {
        schema: {
          tags: ['campaigns'],
          summary: 'List campaigns with the version in effect',
          security: adminSecurity,
          response: { 200: z.object({ items: z.array(listedSchema) }) },
        },
      },
      async (request) => {
        const { workspace } = principalOf(request)
        const campaigns = await store.snapshot((scope) => listCampaigns(scope.workspace(workspace)))
        return { items: campaigns.map(listedView) }
      },
    )

    app.get(
      '/campaigns/:id',
      {
        schema: {
          tags: ['campaigns'],
          summary: 'A campaign: the version in effect, the one that waits, its history',
          security: adminSecurity,
          params: idParams,
          response: { 200: campaignSchema },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const history = await loadCampaignHistory(store.read.workspace(workspace), request.params.id)
        const { running, waiting } = standingOf(history)
        const effective = running ?? waiting
        if (effective === null) return sendFault(reply, noCampaign(request.params.id))
        const follows = running === null || waiting === null ? null : waiting
        return reply.send({
          ...listedView({ ...effective, waiting: follows }),
          spec: effective.spec,
          history: history.map(versionView),
          steps: await countSteps(store.read.workspace(workspace), request.params.id),
        })
      },
    )

    app.post(
      '/campaigns/:id/:action',
      {
        schema: {
          tags: ['campaigns'],
          summary: 'Take a campaign one step further',
          description:
            'submit: a draft goes to review. approve: by a person. launch: the approved version runs from now on, or a paused one goes on. pause, end: nothing more of it is sent; the answer lists the messages that were under way already.',
          security: adminSecurity,
          params: idParams.extend({ action: z.enum(actions) }),
          body: z.object(stepBody).nullish(),
          response: {
            200: z.object({
              id: z.string(),
              version: z.int(),
              state: stateSchema,
              alreadySending: alreadySendingSchema,
            }),
          },
        },
      },
      async (request, reply) => {
        const { id, action } = request.params
        const by = stepBy(principalOf(request), request.body)
        const moved = await moveCampaign({ store, clock, starter }, { ...by, campaignId: id, action })
        if (moved.kind === 'refused') return sendFault(reply, moved.fault)
        const { version, alreadySending } = moved
        return reply.send({ id, version: version.version, state: version.state, alreadySending })
      },
    )

    app.post(
      '/campaigns/:id/ship',
      {
        schema: {
          tags: ['campaigns'],
          summary: 'Ship an arm of a live experiment: everybody gets its treatment',
          description:
            'A new version of the campaign, live at once, by a person. The stopping rule must have decided for the arm, unless `override` and a note say otherwise. The holdout stays.',
          security: adminSecurity,
          params: idParams,
          body: z.object({
            arm: z.string().max(64),
            ...stepBody,
            override: z.boolean().default(false),
          }),
          response: {
            200: z.object({ id: z.string(), version: z.int(), state: stateSchema, note: z.string() }),
          },
        },
      },
      async (request, reply) => {
        const { arm, override } = request.body
        const { id } = request.params
        const by = stepBy(principalOf(request), request.body)
        const shipped = await shipArm({ store, clock }, { ...by, campaignId: id, armId: arm, override })
        if (shipped.kind === 'refused') return sendFault(reply, shipped.fault)
        const { version } = shipped
        return reply.send({ id, version: version.version, state: version.state, note: shipped.note })
      },
    )

    app.get(
      '/campaigns/:id/report',
      {
        schema: {
          tags: ['campaigns'],
          summary: 'What the campaign added, against its holdout',
          description: 'JSON, or CSV where `Accept: text/csv` or `?format=csv` asks for it.',
          security: adminSecurity,
          params: idParams,
          querystring: z.object({ format: z.enum(['json', 'csv']).optional() }),
          response: { 200: upliftReportSchema },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const report = await campaignReport(store, workspace, request.params.id, clock.now())
        if (report === null) return sendFault(reply, noCampaign(request.params.id))
        const isCsv =
          request.query.format === undefined
            ? request.headers.accept?.includes('text/csv') === true
            : request.query.format === 'csv'
        if (!isCsv) return reply.send(report)
        const untyped = reply as unknown as FastifyReply
        await untyped.header('content-type', 'text/csv; charset=utf-8').send(reportCsv(report))
        return reply
      },
    )
  }
}

export function noCampaign(id: string) {
  return { code: 'not_found' as const, detail: `there is no campaign ${id}` }
}

function listedView(
  listed: Pick<ListedCampaign, 'campaignId' | 'spec' | 'version' | 'state'> & {
    waiting: Pick<CampaignVersion, 'version' | 'state'> | null
  },
) {
  const { campaignId, spec, version, state, waiting } = listed
  return {
    id: campaignId,
    name: spec.name,
    version,
    state,
    waiting: waiting === null ? null : { version: waiting.version, state: waiting.state },
  }
}

function versionView({ version, state, actor, note, createdAt }: CampaignVersion) {
  return { version, state, actor, note, createdAt }
}
