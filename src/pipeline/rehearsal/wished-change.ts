import type { CampaignSpec } from '#contracts/campaign.ts'
import type { Clock } from '#contracts/clock.ts'
import type { Store, WorkspaceDb } from '#platform/store/store.ts'
import { insertCampaignVersions, loadStanding } from '../../campaign/campaign-rows.ts'
import { loadDocuments } from '../../campaign/document-rows.ts'
import { parseWorkspaceFile } from '../../campaign/workspace-file.ts'
import { startBroadcast } from '../broadcast/start-broadcast.ts'
import { applyWorkspaceFile } from '../change-workspace.ts'
import { touchWorkspace } from '../workspace-context.ts'
import type { HistoryPlay } from './play-history.ts'

/** What is to be different from the first day on that is reported. */
export type Wish =
  /** A workspace file, applied, with the campaigns that it changes launched. */
  | { kind: 'file'; text: string }
  /** A campaign as it is defined now: the version that waits, else the one that runs. */
  | { kind: 'campaign'; campaignId: string }

export interface WishedChange extends NonNullable<HistoryPlay['change']> {
  kind: 'change'
  /** Why it could not be applied to what was there then; null: it could. */
  fault(): string | null
}

const actor = 'rehearsal'

export async function wishedChange(
  wish: Wish,
  parts: {
    scratch: Store
    live: WorkspaceDb
    workspace: string
    clock: Clock
    since: number
    /** What a launch does for the policy. */
    cover?: (specs: readonly CampaignSpec[]) => Promise<void>
  },
): Promise<WishedChange | { kind: 'refused'; detail: string }> {
  return wish.kind === 'file' ? fileChange(wish.text, parts) : campaignChange(wish.campaignId, parts)
}

type Parts = Parameters<typeof wishedChange>[1]

function fileChange(
  text: string,
  { scratch, live, workspace, clock, since, cover }: Parts,
): WishedChange | { kind: 'refused'; detail: string } {
  const parsed = parseWorkspaceFile(text)
  if (!('file' in parsed)) return { kind: 'refused', detail: parsed.faults.map(textOf).join('; ') }
  const { file } = parsed
  const documents = new Set<string>()
  const campaigns = new Set<string>()
  let fault: string | null = null
  return {
    kind: 'change',
    at: since,
    fault: () => fault,
    replacesCampaign: (campaignId) => campaigns.has(campaignId),
    replaces: ({ kind, row }) =>
      kind === 'campaign' ? campaigns.has(row.campaign_id) : documents.has(`${row.kind} ${row.document_id}`),
    async apply() {
      // What the file refers to may have been defined only later.
      const known = new Set((await loadDocuments(scratch.read.workspace(workspace))).map(keyOf))
      const later = (await loadDocuments(live)).filter(
        (own) => own.kind !== 'campaign' && !known.has(keyOf(own)),
      )
      await scratch.transaction(async (tx) => {
        const rows = later.map(({ kind, id, version, body }) => ({
          kind,
          document_id: id,
          version,
          body_json: JSON.stringify(body),
          actor,
          created_at: clock.now(),
        }))
        await tx.workspace(workspace).bulkInsert('documents', rows, 'ignore')
      })
      const change = { workspace, actor }
      const plan = await applyWorkspaceFile({ store: scratch, clock }, { ...change, file, dryRun: false })
      if (plan.faults.length > 0) {
        fault = plan.faults.map(textOf).join('; ')
        return
      }
      for (const own of plan.documents) documents.add(keyOf(own))
      await cover?.(plan.versions.map(({ spec }) => spec))
      for (const { campaignId, version, spec } of plan.versions) {
        campaigns.add(campaignId)
        await launch(scratch, workspace, { campaignId, version: version + 1, spec, clock })
      }
    },
  }
}

async function campaignChange(
  campaignId: string,
  { scratch, live, workspace, clock, since, cover }: Parts,
): Promise<WishedChange | { kind: 'refused'; detail: string }> {
  const { waiting, running } = await loadStanding(live, campaignId)
  const wished = waiting ?? running
  if (wished === null) return { kind: 'refused', detail: `there is no campaign ${campaignId}` }
  return {
    kind: 'change',
    at: since,
    fault: () => null,
    replacesCampaign: (own) => own === campaignId,
    replaces: ({ kind, row }) => kind === 'campaign' && row.campaign_id === campaignId,
    async apply() {
      const { newestVersion } = await loadStanding(scratch.read.workspace(workspace), campaignId)
      const version = newestVersion + 1
      await cover?.([wished.spec])
      await launch(scratch, workspace, { campaignId, version, spec: wished.spec, clock })
    },
  }
}

/** Nobody has to approve what sends nothing. */
async function launch(
  scratch: Store,
  workspace: string,
  { clock, ...version }: { campaignId: string; version: number; spec: CampaignSpec; clock: Clock },
): Promise<void> {
  await scratch.transaction(async (tx) => {
    const row = { ...version, state: 'live' as const, actor, note: '', createdAt: clock.now() }
    await insertCampaignVersions(tx.workspace(workspace), [row])
    await touchWorkspace(tx, workspace)
  })
  if (!('broadcast' in version.spec.trigger)) return
  const change = { workspace, actor, campaignId: version.campaignId, note: '', again: true }
  await startBroadcast({ store: scratch, clock }, change)
}

function keyOf({ kind, id }: { kind: string; id: string }): string {
  return `${kind} ${id}`
}

function textOf({ field, detail }: { field: string; detail: string }): string {
  return `${field}: ${detail}`
}
