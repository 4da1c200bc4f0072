import type { NetworkProgress, NetworkRequest, NetworkState } from '#contracts/network.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import type { ModelCard } from './model-card.ts'
import { decodeNetwork, type NetworkMetadata } from './network-files.ts'
import type { NetworkWeights } from './network-shape.ts'

/** A network as people see it in a list. */
export interface ListedNetwork {
  modelId: string
  kind: NetworkRequest['kind']
  state: NetworkState
  request: NetworkRequest
  progress: NetworkProgress
  actor: string
  createdAt: number
  updatedAt: number
}

export interface StoredNetwork extends ListedNetwork {
  /** Null until it is ready. */
  ready: { card: ModelCard; modelJson: string; weightsBin: Uint8Array } | null
}

export interface LoadedNetwork {
  card: ModelCard
  metadata: NetworkMetadata
  weights: NetworkWeights
}

/** Notes the wish for a network; it is trained when its turn comes. Resolves to its id. */
export async function requestNetwork(
  db: WorkspaceDb,
  wish: { request: NetworkRequest; actor: string; now: number },
): Promise<string> {
  const { request, actor, now } = wish
  const known = new Set((await listNetworks(db)).map(({ modelId }) => modelId))
  let number = known.size + 1
  while (known.has(`${request.kind}-${number}`)) number += 1
  const modelId = `${request.kind}-${number}`
  const progress: NetworkProgress = { stage: 'waiting', done: 0, total: 1 }
  const row: Omit<RowOf<'networks'>, 'workspace'> = {
    model_id: modelId,
    kind: request.kind,
    state: 'queued',
    request_json: JSON.stringify(request),
    progress_json: JSON.stringify(progress),
    card_json: '{}',
    model_json: '{}',
    weights: new Uint8Array(),
    actor,
    created_at: now,
    updated_at: now,
  }
  await db.bulkInsert('networks', [row], 'fail')
  return modelId
}

/** Takes the oldest wish, so that nobody else does; null where there is none. */
export async function claimNetwork(db: WorkspaceDb, now: number): Promise<ListedNetwork | null> {
  await db
    .updateTable('networks')
    .set({ state: 'queued' })
    .where('networks.state', '=', 'training')
    .where('networks.updated_at', '<', now - forsakenMs)
    .execute()
  const next = (await listNetworks(db)).findLast(({ state }) => state === 'queued')
  if (next === undefined) return null
  const result = await db
    .updateTable('networks')
    .set({ state: 'training', updated_at: now })
    .where('networks.model_id', '=', next.modelId)
    .where('networks.state', '=', 'queued')
    .executeTakeFirst()
  return result.numUpdatedRows === 1n ? next : null
}

/** Of one that trains in a process that is gone nothing is heard; every other tells at least every 10 s. */
const forsakenMs = 60_000

export async function tellProgress(
  db: WorkspaceDb,
  modelId: string,
  progress: NetworkProgress,
  now: number,
): Promise<void> {
  await change(db, modelId, { progress_json: JSON.stringify(progress), updated_at: now })
}

export async function failNetwork(
  db: WorkspaceDb,
  modelId: string,
  reason: string,
  now: number,
): Promise<void> {
  const progress: NetworkProgress = { stage: 'failed', done: 0, total: 1, reason }
  await change(db, modelId, { state: 'failed', progress_json: JSON.stringify(progress), updated_at: now })
}

export async function finishNetwork(
  db: WorkspaceDb,
  card: ModelCard,
  files: { modelJson: string; weightsBin: Uint8Array },
  now: number,
): Promise<void> {
  const progress: NetworkProgress = { stage: 'ready', done: 1, total: 1 }
  await change(db, card.modelId, {
    state: 'ready',
    progress_json: JSON.stringify(progress),
    card_json: JSON.stringify(card),
    model_json: files.modelJson,
    weights: files.weightsBin,
    updated_at: now,
  })
}

/** Asks for scores now with the newest propensity network; null where there is none. */
export async function wishScores(db: WorkspaceDb, now: number): Promise<string | null> {
  const newest = await newestPropensity(db)
  if (newest === null) return null
  await tellProgress(db, newest.modelId, { stage: scoresWished, done: 0, total: 1 }, now)
  return newest.modelId
}

/** The wish is granted; a newer one stays. */
export async function grantScores(db: WorkspaceDb, { modelId, updatedAt }: ListedNetwork): Promise<void> {
  await db
    .updateTable('networks')
    .set({ progress_json: JSON.stringify({ stage: 'ready', done: 1, total: 1 } satisfies NetworkProgress) })
    .where('networks.model_id', '=', modelId)
    .where('networks.updated_at', '=', updatedAt)
    .execute()
}

export const scoresWished = 'scores wished'

export async function newestPropensity(db: WorkspaceDb): Promise<ListedNetwork | null> {
  const own = (await listNetworks(db)).find(({ kind, state }) => kind === 'propensity' && state === 'ready')
  return own ?? null
}

async function change(
  db: WorkspaceDb,
  modelId: string,
  set: Partial<Omit<RowOf<'networks'>, 'workspace' | 'model_id'>>,
): Promise<void> {
  await db.updateTable('networks').set(set).where('networks.model_id', '=', modelId).execute()
}

/** The newest first. */
export async function listNetworks(db: WorkspaceDb): Promise<ListedNetwork[]> {
  const rows = await db
    .selectFrom('networks')
    .select(['networks.model_id', 'networks.kind', 'networks.state', 'networks.request_json'])
    .select(['networks.progress_json', 'networks.actor', 'networks.created_at', 'networks.updated_at'])
    .orderBy('networks.created_at', 'desc')
    .orderBy('networks.model_id', 'desc')
    .execute()
  return rows.map(listedOf)
}

export async function loadNetwork(db: WorkspaceDb, modelId: string): Promise<StoredNetwork | null> {
  const row = await db
    .selectFrom('networks')
    .selectAll('networks')
    .where('networks.model_id', '=', modelId)
    .executeTakeFirst()
  if (row === undefined) return null
  if (row.state !== 'ready') return { ...listedOf(row), ready: null }
  const card = JSON.parse(row.card_json) as ModelCard
  return { ...listedOf(row), ready: { card, modelJson: row.model_json, weightsBin: row.weights } }
}

/** A network ready for use; null where it is not there or not trained. */
export async function openNetwork(db: WorkspaceDb, modelId: string): Promise<LoadedNetwork | null> {
  const stored = await loadNetwork(db, modelId)
  if (stored?.ready == null) return null
  const { card, modelJson, weightsBin } = stored.ready
  return { card, ...decodeNetwork(modelJson, weightsBin) }
}

function listedOf(
  row: Pick<
    RowOf<'networks'>,
    'model_id' | 'kind' | 'state' | 'request_json' | 'progress_json' | 'actor' | 'created_at' | 'updated_at'
  >,
): ListedNetwork {
  return {
    modelId: row.model_id,
    kind: row.kind,
    state: row.state,
    request: JSON.parse(row.request_json) as NetworkRequest,
    progress: JSON.parse(row.progress_json) as NetworkProgress,
    actor: row.actor,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}
