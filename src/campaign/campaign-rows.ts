import type { CampaignSpec, CampaignState, CampaignVersion } from '#contracts/campaign.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { type Standing, standingOf } from './standing.ts'

/** The campaigns that decide now: of each the version that runs, if it is live. */
export async function loadRunningCampaigns(db: WorkspaceDb): Promise<CampaignVersion[]> {
  const rows = await db
    .selectFrom('campaign_versions')
    .selectAll('campaign_versions')
    .where('campaign_versions.state', '=', 'live')
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('campaign_versions as newer')
            .select('newer.version')
            .whereRef('newer.workspace', '=', 'campaign_versions.workspace')
            .whereRef('newer.campaign_id', '=', 'campaign_versions.campaign_id')
            .whereRef('newer.version', '>', 'campaign_versions.version')
            .where('newer.state', 'in', ['live', 'paused', 'ended']),
        ),
      ),
    )
    .orderBy('campaign_versions.campaign_id')
    .execute()
  return rows.map(versionOf)
}

/** The version in effect: the one that runs, else the one that waits for its first launch. */
export async function loadCampaign(db: WorkspaceDb, campaignId: string): Promise<CampaignVersion | null> {
  const { running, waiting } = await loadStanding(db, campaignId)
  return running ?? waiting
}

export async function loadCampaignVersion(
  db: WorkspaceDb,
  campaignId: string,
  version: number,
): Promise<CampaignVersion | null> {
  const row = await db
    .selectFrom('campaign_versions')
    .selectAll('campaign_versions')
    .where('campaign_versions.campaign_id', '=', campaignId)
    .where('campaign_versions.version', '=', version)
    .executeTakeFirst()
  return row === undefined ? null : versionOf(row)
}

/** A campaign in a list. `waiting` is the version that would follow the one in effect. */
export interface ListedCampaign extends CampaignVersion {
  waiting: { version: number; state: CampaignState } | null
}

/** Every campaign with its version in effect, by id. */
export async function listCampaigns(db: WorkspaceDb): Promise<ListedCampaign[]> {
  const heads = new Map<string, Head[]>()
  for (const head of await loadHeads(db)) {
    const known = heads.get(head.campaignId)
    if (known === undefined) heads.set(head.campaignId, [head])
    else known.push(head)
  }
  const listed: ListedCampaign[] = []
  for (const [campaignId, versions] of heads) {
    const { running, waiting } = standingOf(versions)
    const effective = running ?? waiting
    const version = effective === null ? null : await loadCampaignVersion(db, campaignId, effective.version)
    if (version === null) continue
    const follows =
      running === null || waiting === null ? null : { version: waiting.version, state: waiting.state }
    listed.push({ ...version, waiting: follows })
  }
  return listed
}

/** Every row of a campaign, oldest first. */
export async function loadCampaignHistory(db: WorkspaceDb, campaignId: string): Promise<CampaignVersion[]> {
  const rows = await db
    .selectFrom('campaign_versions')
    .selectAll('campaign_versions')
    .where('campaign_versions.campaign_id', '=', campaignId)
    .orderBy('campaign_versions.version')
    .execute()
  return rows.map(versionOf)
}

/** What runs, what waits, and the number of the newest row (0 when there is none). */
export async function loadStanding(
  db: WorkspaceDb,
  campaignId: string,
): Promise<Standing<CampaignVersion> & { newestVersion: number }> {
  const heads = await loadHeads(db, campaignId)
  const { running, waiting } = standingOf(heads)
  const load = async (head: Head | null) =>
    head === null ? null : loadCampaignVersion(db, campaignId, head.version)
  return {
    running: await load(running),
    waiting: await load(waiting),
    newestVersion: heads.at(-1)?.version ?? 0,
  }
}

/** Fails where the number is taken: somebody else has changed the campaign meanwhile. */
export async function insertCampaignVersions(
  db: WorkspaceDb,
  versions: readonly CampaignVersion[],
): Promise<void> {
  const rows = versions.map(({ campaignId, version, state, spec, actor, note, createdAt }) => ({
    campaign_id: campaignId,
    version,
    state,
    body_json: JSON.stringify(spec),
    actor,
    note,
    created_at: createdAt,
  }))
  if (rows.length > 0) await db.bulkInsert('campaign_versions', rows, 'fail')
}

interface Head {
  campaignId: string
  version: number
  state: CampaignState
}

/** Versions without their bodies: a history may hold many large templates. */
async function loadHeads(db: WorkspaceDb, campaignId?: string): Promise<Head[]> {
  let query = db
    .selectFrom('campaign_versions')
    .select(['campaign_versions.campaign_id', 'campaign_versions.version', 'campaign_versions.state'])
    .orderBy('campaign_versions.campaign_id')
    .orderBy('campaign_versions.version')
  if (campaignId !== undefined) query = query.where('campaign_versions.campaign_id', '=', campaignId)
  return (await query.execute()).map(({ campaign_id, version, state }) => ({
    campaignId: campaign_id,
    version,
    state,
  }))
}

function versionOf(row: RowOf<'campaign_versions'>): CampaignVersion {
  return {
    campaignId: row.campaign_id,
    version: row.version,
    state: row.state,
    spec: JSON.parse(row.body_json) as CampaignSpec,
    actor: row.actor,
    note: row.note,
    createdAt: row.created_at,
  }
}
