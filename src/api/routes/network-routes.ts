import { z } from 'zod'
import { networkRequestSchema } from '#contracts/network.ts'
import { cardMarkdown, curveFile, reliabilitySvg } from '../../learning/networks/card-page.ts'
import {
  listNetworks,
  loadNetwork,
  newestPropensity,
  requestNetwork,
  type StoredNetwork,
  scoresWished,
  wishScores,
} from '../../learning/networks/network-rows.ts'
import { lastScoring } from '../../profile/score-rows.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity } from '../shapes.ts'

const networkSchema = z
  .object({
    modelId: z.string(),
    kind: z.enum(['propensity', 'uplift']),
    state: z.enum(['queued', 'training', 'ready', 'failed']),
    request: z.record(z.string(), z.unknown()),
    progress: z.object({
      stage: z.string(),
      done: z.number(),
      total: z.number(),
      reason: z.string().exactOptional().describe('Why it failed.'),
    }),
    actor: z.string(),
    createdAt: z.int(),
    updatedAt: z.int(),
  })
  .meta({ id: 'Network' })
const params = z.object({ id: z.string().min(1).max(64) })

export function networkRoutes({ store, wallClock }: Doors): ApiRoutes {
  return (app) => {
    app.post(
      '/networks',
      {
        schema: {
          tags: ['networks'],
          summary: 'Train a network on this workspace’s past',
          description:
            'Answers at once; the role `strategist` trains it in a thread of its own. `GET /networks/{id}` says how far it is.',
          security: adminSecurity,
          body: networkRequestSchema,
          response: { 202: z.object({ modelId: z.string() }) },
        },
      },
      async (request, reply) => {
        const { workspace, name } = principalOf(request)
        const wish = { request: request.body, actor: name, now: wallClock.now() }
        const modelId = await store.transaction((tx) => requestNetwork(tx.workspace(workspace), wish))
        return reply.code(202).send({ modelId })
      },
    )

    app.get(
      '/networks',
      {
        schema: {
          tags: ['networks'],
          summary: 'Networks, the newest first',
          security: adminSecurity,
          response: { 200: z.object({ networks: z.array(networkSchema) }) },
        },
      },
      async (request) => {
        const networks = await listNetworks(store.read.workspace(principalOf(request).workspace))
        return { networks: networks.map((own) => ({ ...own, request: { ...own.request } })) }
      },
    )

    app.get(
      '/networks/:id',
      {
        schema: {
          tags: ['networks'],
          summary: 'A network with its card, once it is ready',
          security: adminSecurity,
          params,
          response: {
            200: networkSchema.extend({
              card: z.record(z.string(), z.unknown()).nullable(),
              files: z.array(z.string()).describe('Names under `/networks/{id}/files/`.'),
            }),
          },
        },
      },
      async (request, reply) => {
        const stored = await loadNetwork(
          store.read.workspace(principalOf(request).workspace),
          request.params.id,
        )
        if (stored === null)
          return sendFault(reply, { code: 'not_found', detail: `there is no network ${request.params.id}` })
        const { ready, ...listed } = stored
        return reply.send({
          ...listed,
          request: { ...listed.request },
          card: ready === null ? null : { ...ready.card },
          files: Object.keys(filesOf(stored)),
        })
      },
    )

    app.get(
      '/networks/:id/files/:file',
      {
        schema: {
          tags: ['networks'],
          summary: 'A file of a network: the TensorFlow.js layers model, or its card',
          security: adminSecurity,
          params: params.extend({ file: z.string().min(1).max(128) }),
        },
      },
      async (request, reply) => {
        const { id, file } = request.params
        const stored = await loadNetwork(store.read.workspace(principalOf(request).workspace), id)
        const files = stored === null ? {} : filesOf(stored)
        const make = Object.hasOwn(files, file) ? files[file] : undefined
        if (make === undefined)
          return sendFault(reply, { code: 'not_found', detail: `network ${id} has no file ${file}` })
        return reply.type(typeOf(file)).send(make())
      },
    )

    app.post(
      '/scores',
      {
        schema: {
          tags: ['networks'],
          summary: 'Score all customers now, with the newest propensity network',
          description: 'Happens by itself after each training and once a day.',
          security: adminSecurity,
          response: { 202: z.object({ modelId: z.string() }) },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const modelId = await store.transaction((tx) => wishScores(tx.workspace(workspace), wallClock.now()))
        if (modelId === null) {
          const detail = 'no propensity network is ready: train one first'
          return sendFault(reply, { code: 'conflict', detail })
        }
        return reply.code(202).send({ modelId })
      },
    )

    app.get(
      '/scores',
      {
        schema: {
          tags: ['networks'],
          summary: 'When customers were scored last',
          security: adminSecurity,
          response: {
            200: z.object({
              modelId: z.string().nullable(),
              scoredAt: z.int().nullable(),
              isWaiting: z.boolean().describe('Somebody asked for scores and they are not there yet.'),
            }),
          },
        },
      },
      async (request) => {
        const db = store.read.workspace(principalOf(request).workspace)
        const last = await lastScoring(db)
        const newest = await newestPropensity(db)
        return {
          modelId: last?.modelId ?? null,
          scoredAt: last?.at ?? null,
          isWaiting: newest?.progress.stage === scoresWished,
        }
      },
    )
  }
}

function filesOf({ ready }: StoredNetwork): Record<string, () => string | Uint8Array> {
  if (ready === null) return {}
  const { card, modelJson, weightsBin } = ready
  return {
    'model.json': () => modelJson,
    'weights.bin': () => weightsBin,
    'card.json': () => `${JSON.stringify(card, null, 2)}\n`,
    'card.md': () => cardMarkdown(card),
    ...Object.fromEntries(
      card.heads.map(({ name, reliability }) => [curveFile(name), () => reliabilitySvg(name, reliability)]),
    ),
  }
}

function typeOf(file: string): string {
  if (file.endsWith('.json')) return 'application/json; charset=utf-8'
  if (file.endsWith('.md')) return 'text/markdown; charset=utf-8'
  return file.endsWith('.svg') ? 'image/svg+xml' : 'application/octet-stream'
}
