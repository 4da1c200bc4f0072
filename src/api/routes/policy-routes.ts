import { z } from 'zod'
import {
  listCandidates,
  loadCandidate,
  loadPolicySettings,
  type PolicyCandidate,
} from '../../learning/candidate-rows.ts'
import { listSnapshots, loadSnapshot, type StoredSnapshot } from '../../learning/snapshot-rows.ts'
import { changeFeatures } from '../../pipeline/change-features.ts'
import { evaluatePolicyOnLog } from '../../pipeline/evaluate-policy.ts'
import {
  changePolicySettings,
  promotePolicy,
  proposePolicy,
  rollBackPolicy,
} from '../../pipeline/policy-versions.ts'
import { proposeNetwork } from '../../pipeline/training/propose-network.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { actorSchema, adminSecurity } from '../shapes.ts'
import {
  candidateSchema,
  evaluationSchema,
  idParams,
  promotionSchema,
  proposalSchema,
  requestSchema,
  settingsSchema,
  versionSchema,
} from './policy-shapes.ts'

/** Newest first: 50,000 take a second or more of the thread, in turns of some tenths. */
const decisionsMax = 50_000

export function policyRoutes({ store, clock, wallClock }: Doors): ApiRoutes {
  const parts = { store, clock, wallClock }
  return (app) => {
    app.post(
      '/policy/evaluations',
      {
        schema: {
          tags: ['policy'],
          summary: 'What another policy would have brought for a campaign, from its own decisions',
          security: adminSecurity,
          body: requestSchema,
          response: { 200: evaluationSchema },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const { campaign, target, reward, since, until } = request.body
        const now = clock.now()
        const range = {
          since: since === undefined ? 0 : Date.parse(since),
          until: until === undefined ? now : Date.parse(until),
        }
        const asked = { campaignId: campaign, target, reward, ...range, decisionsMax }
        const result = await evaluatePolicyOnLog(store.read, workspace, asked, now)
        if (result.kind === 'refused') return sendFault(reply, result.fault)
        const { report } = result
        return reply.send({ ...report, constants: report.constants.map((own) => ({ ...own })) })
      },
    )

    app.get(
      '/policy/versions',
      {
        schema: {
          tags: ['policy'],
          summary: 'Versions of the policy, newest first',
          security: adminSecurity,
          querystring: z.object({
            limit: z.coerce.number().int().min(1).max(200).default(50),
            before: z.coerce.number().int().optional().describe('A sequence: only older ones.'),
          }),
          response: { 200: z.object({ items: z.array(versionSchema) }) },
        },
      },
      async (request) => {
        const { limit, before } = request.query
        const db = store.read.workspace(principalOf(request).workspace)
        return { items: (await listSnapshots(db, limit, before)).map(versionView) }
      },
    )

    app.get(
      '/policy/versions/:id',
      {
        schema: {
          tags: ['policy'],
          summary: 'A version of the policy: its manifest',
          security: adminSecurity,
          params: idParams,
          response: { 200: versionSchema },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const snapshot = await loadSnapshot(store.read.workspace(principalOf(request).workspace), id)
        if (snapshot === null) return sendFault(reply, notFound(`there is no policy version ${id}`))
        return reply.send(versionView(snapshot))
      },
    )

    app.post(
      '/policy/rollback',
      {
        schema: {
          tags: ['policy'],
          summary: 'Put an earlier version in force again',
          description:
            'Its content becomes a new version, and the learner goes on from there. No decision is dropped: each uses the version that was in force when it began.',
          security: adminSecurity,
          body: z.strictObject({
            to: z.string().max(64).default('previous').describe('An id, or `previous`.'),
            reason: z.string().min(1).max(2_000),
            actor: actorSchema,
          }),
          response: { 200: z.object({ snapshotId: z.string() }) },
        },
      },
      async (request, reply) => {
        const { workspace, name } = principalOf(request)
        const { to, reason, actor = name } = request.body
        const result = await rollBackPolicy(parts, { workspace, actor, to, reason })
        if (result.kind === 'refused') return sendFault(reply, result.fault)
        return reply.send({ snapshotId: result.snapshotId })
      },
    )

    app.get(
      '/policy/candidates',
      {
        schema: {
          tags: ['policy'],
          summary: 'Policies that were proposed, newest first',
          security: adminSecurity,
          querystring: z.object({ limit: z.coerce.number().int().min(1).max(200).default(50) }),
          response: { 200: z.object({ items: z.array(candidateSchema) }) },
        },
      },
      async (request) => {
        const db = store.read.workspace(principalOf(request).workspace)
        return { items: (await listCandidates(db, request.query.limit)).map(candidateView) }
      },
    )

    app.get(
      '/policy/candidates/:id',
      {
        schema: {
          tags: ['policy'],
          summary: 'A proposed policy, with what the gate said of it',
          security: adminSecurity,
          params: idParams,
          response: { 200: candidateSchema },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const candidate = await loadCandidate(store.read.workspace(principalOf(request).workspace), id)
        if (candidate === null) return sendFault(reply, notFound(`there is no candidate ${id}`))
        return reply.send(candidateView(candidate))
      },
    )

    app.post(
      '/policy/candidates',
      {
        schema: {
          tags: ['policy'],
          summary: 'Propose a policy',
          security: adminSecurity,
          body: proposalSchema,
          response: { 201: candidateSchema },
        },
      },
      async (request, reply) => {
        const { workspace, name } = principalOf(request)
        const { actor = name, policy = null, network, ...proposal } = request.body
        const change = { workspace, actor, policy }
        const result =
          network === undefined
            ? await proposePolicy(parts, { ...change, ...proposal })
            : await proposeNetwork(parts, { ...change, network, ...proposal })
        if (result.kind === 'refused') return sendFault(reply, result.fault)
        return reply.code(201).send(candidateView(result.candidate))
      },
    )

    app.post(
      '/policy/candidates/:id/promote',
      {
        schema: {
          tags: ['policy'],
          summary: 'Let a proposed policy go live, through the promotion gate',
          description:
            'Judged on today’s log. `override`: a named person’s reason to let it go live against the gate; who, when, why and the figures stay in the audit.',
          security: adminSecurity,
          params: idParams,
          body: promotionSchema,
          response: { 200: z.object({ snapshotId: z.string(), verdict: z.unknown() }) },
        },
      },
      async (request, reply) => {
        const { workspace, name } = principalOf(request)
        const { override = null, actor = name } = request.body
        const change = { workspace, actor, candidateId: request.params.id, override }
        const result = await promotePolicy(parts, change)
        if (result.kind === 'refused') return sendFault(reply, result.fault)
        return reply.send({ snapshotId: result.snapshotId, verdict: result.verdict })
      },
    )

    app.post(
      '/policy/features',
      {
        schema: {
          tags: ['policy'],
          summary: 'Choose the features that decisions look at',
          description:
            '`v1`: 64 dense features. `v3`: the same, and a hashed tail for what has no room among them. The version in force goes on with them: nothing learned is lost.',
          security: adminSecurity,
          body: z.strictObject({
            features: z.string().min(1).max(100),
            reason: z.string().max(2_000).default(''),
            actor: actorSchema,
          }),
          response: { 200: z.object({ snapshotId: z.string(), changed: z.boolean() }) },
        },
      },
      async (request, reply) => {
        const { workspace, name } = principalOf(request)
        const { features, reason, actor = name } = request.body
        const result = await changeFeatures(parts, { workspace, actor, features, reason })
        if (result.kind === 'refused') return sendFault(reply, result.fault)
        return reply.send({ snapshotId: result.snapshotId, changed: result.kind === 'changed' })
      },
    )

    app.get(
      '/policy/settings',
      {
        schema: {
          tags: ['policy'],
          summary: 'What the promotion gate asks for, and what the learner forgets',
          security: adminSecurity,
          response: { 200: settingsSchema },
        },
      },
      async (request) => loadPolicySettings(store.read.workspace(principalOf(request).workspace)),
    )

    app.patch(
      '/policy/settings',
      {
        schema: {
          tags: ['policy'],
          summary: 'Change what the promotion gate asks for, or what the learner forgets',
          security: adminSecurity,
          body: z.strictObject({ ...settingsSchema.partial().shape, actor: actorSchema }),
          response: { 200: settingsSchema },
        },
      },
      async (request) => {
        const { workspace, name } = principalOf(request)
        const { actor = name, ...given } = request.body
        const patch = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
        return changePolicySettings(parts, { workspace, actor, patch })
      },
    )
  }
}

function versionView({
  snapshotId,
  sequence,
  publishedAt,
  t,
  boundMicros,
  manifest,
}: Omit<StoredSnapshot, 'heads'>) {
  return { id: snapshotId, sequence, publishedAt, t, boundMicros, manifest: { ...manifest } }
}

function candidateView({ candidateId, content, ...rest }: PolicyCandidate) {
  return { ...rest, id: candidateId, manifest: { ...content.manifest } }
}

function notFound(detail: string) {
  return { code: 'not_found' as const, detail }
}
