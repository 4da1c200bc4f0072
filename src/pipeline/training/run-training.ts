import type { Goal } from '#contracts/campaign.ts'
import type { Clock } from '#contracts/clock.ts'
import type { NetworkProgress, NetworkRequest } from '#contracts/network.ts'
import type { Store, WorkspaceDb } from '#platform/store/store.ts'
import { loadRunningCampaigns } from '../../campaign/campaign-rows.ts'
import { loadDocuments } from '../../campaign/document-rows.ts'
import { builtInFeatureSchemas } from '../../decision/feature-schemas.ts'
import { featureSchemaV2 } from '../../decision/features-v2.ts'
import type { ModelCard } from '../../learning/networks/model-card.ts'
import { failNetwork, finishNetwork, tellProgress } from '../../learning/networks/network-rows.ts'
import type { NetworkShape } from '../../learning/networks/network-shape.ts'
import { trainInThread } from '../../learning/networks/train-in-thread.ts'
import type { WorkspaceContexts } from '../workspace-context.ts'
import { propensityData } from './propensity-rows.ts'
import { type TrainingData, type TrainingSources, toNetworkRows } from './training-data.ts'
import { upliftData } from './uplift-rows.ts'

export interface TrainingParts {
  store: Store
  contexts: WorkspaceContexts
  /** Injected: what has happened by now. */
  clock: Clock
  wallClock: Clock
}

/** Units before the heads: 48 numbers and a constant are 49 dimensions for the heads that learn online. */
const hidden = 64
const bottleneck = 48
/** A row in the store changes at most so often. */
const tellEveryMs = 1_000

/** Trains a claimed network to its end: `ready`, with its card, or `failed`, with the reason. */
export async function runTraining(
  parts: TrainingParts,
  workspace: string,
  claimed: { modelId: string; request: NetworkRequest },
  stop?: AbortSignal,
): Promise<'ready' | 'failed'> {
  const { store, wallClock } = parts
  const { modelId, request } = claimed
  const inRow = (work: (db: WorkspaceDb) => Promise<void>) =>
    store.transaction((tx) => work(tx.workspace(workspace)))
  const tell = createTeller(wallClock, (progress) =>
    inRow((db) => tellProgress(db, modelId, progress, wallClock.now())),
  )
  const fail = async (reason: string): Promise<'failed'> => {
    await tell.settled()
    await inRow((db) => failNetwork(db, modelId, reason, wallClock.now()))
    return 'failed'
  }
  const gathered = await gather(parts, workspace, request, (done, total) => {
    stop?.throwIfAborted()
    tell({ stage: 'reading customers', done, total })
  })
  if (gathered.kind === 'refused') return fail(gathered.reason)
  const { data } = gathered
  const made = toNetworkRows(data, workspace)
  if (made.kind === 'too-few') return fail(`There is too little to learn from: ${made.reason}`)
  const { rows, heads, limits } = made
  if (request.kind === 'uplift' && heads.length < 2) return fail(limits.join(' '))
  const shape: NetworkShape = {
    inputs: data.schema.dimensions,
    hidden,
    bottleneck,
    heads: heads.map(({ name }) => name),
  }
  const { name: featureSchema, hash: featureSchemaHash } = data.schema
  const metadata = { modelId, shape, featureSchema, featureSchemaHash, traits: data.traits }
  const options = { seed: request.seed }
  const trained = await trainInThread(
    { metadata, rows, meanings: heads, options },
    ({ epoch, epochsMax }) => tell({ stage: 'training', done: epoch, total: epochsMax }),
    stop,
  )
  if (trained.kind === 'failed') return fail(trained.reason)
  const { result } = trained
  const { heldOutLosses, ...run } = result.run
  const counts = [0, 1, 2].map((part) => rows.part.reduce((sum, own) => sum + (own === part ? 1 : 0), 0))
  const card: ModelCard = {
    modelId,
    kind: request.kind,
    purpose: purposeOf(request),
    trainedAt: new Date(wallClock.now()).toISOString(),
    request,
    features: { schema: featureSchema, hash: featureSchemaHash, traits: data.traits },
    data: {
      from: new Date(data.range.from).toISOString(),
      to: new Date(data.range.to).toISOString(),
      customers: data.customers,
      rows: { taught: counts[0]!, stopped: counts[1]!, measured: counts[2]! },
    },
    training: {
      ...run,
      seed: request.seed,
      network: `${shape.inputs} features, ${hidden} ReLU, bottleneck of ${bottleneck} tanh, ${heads.length} sigmoid`,
      heldOutLosses,
    },
    heads: result.heads,
    ...(result.uplift === undefined ? {} : { uplift: result.uplift }),
    limits: [...limits, ...limitsOf(request)],
  }
  await tell.settled()
  await inRow((db) => finishNetwork(db, card, result, wallClock.now()))
  return 'ready'
}

type Gathered = { kind: 'data'; data: TrainingData } | { kind: 'refused'; reason: string }

async function gather(
  { store, contexts, clock }: TrainingParts,
  workspace: string,
  request: NetworkRequest,
  onProgress: (done: number, total: number) => void,
): Promise<Gathered> {
  const context = await contexts.load(store.read, workspace)
  if (context === null) return { kind: 'refused', reason: `there is no workspace ${workspace}` }
  const db = store.read.workspace(workspace)
  const schema = builtInFeatureSchemas.get(featureSchemaV2)!
  const sources = (traits: string[]): TrainingSources => ({
    schema,
    traits,
    currency: context.currency,
    zone: context.settings.zone,
  })
  const now = clock.now()
  const campaigns = await loadRunningCampaigns(db)
  if (request.kind === 'uplift') {
    const spec = campaigns.find(({ campaignId }) => campaignId === request.campaign)?.spec
    if (spec === undefined) return { kind: 'refused', reason: `no campaign ${request.campaign} was launched` }
    return { kind: 'data', data: await upliftData(db, sources(spec.features), { spec, now }, onProgress) }
  }
  const goals = (await loadDocuments(db, 'goal')).map(({ body }) => body as Goal)
  const goal = request.goal === undefined ? goals[0] : goals.find(({ id }) => id === request.goal)
  if (goal === undefined)
    return { kind: 'refused', reason: `there is no goal ${request.goal ?? 'to predict'}` }
  const traits = [...new Set(campaigns.flatMap(({ spec }) => spec.features))].sort()
  const { horizonDays, seed } = request
  return {
    kind: 'data',
    data: await propensityData(db, sources(traits), { goal, horizonDays, seed, now }, onProgress),
  }
}

function purposeOf(request: NetworkRequest): string {
  return request.kind === 'propensity'
    ? 'Scores of customers: how likely each is to convert, to leave, and to respond in a channel. For segments and reports; its bottleneck can be the features of the policy.'
    : `What the campaign ${request.campaign} adds for each customer: the goal’s probability with it less that without.`
}

function limitsOf(request: NetworkRequest): string[] {
  const common =
    'Trained on this workspace’s own past: it knows no season, product or kind of customer that was not in it.'
  return request.kind === 'propensity'
    ? [
        common,
        'A propensity is no effect: who is likely to convert may do so without any message.',
        'Channel scores are learned from those who were sent something there, whom the policy chose.',
      ]
    : [common, 'The fifths are small samples: read their differences with the report’s intervals.']
}

interface Teller {
  (progress: NetworkProgress): void
  settled(): Promise<void>
}

/** Tells now and then, one after the other; what comes meanwhile is left out. */
function createTeller(wallClock: Clock, write: (progress: NetworkProgress) => Promise<void>): Teller {
  let toldAt = Number.NEGATIVE_INFINITY
  let writing: Promise<void> = Promise.resolve()
  let isWriting = false
  const tell = (progress: NetworkProgress): void => {
    const now = wallClock.now()
    if (isWriting || now - toldAt < tellEveryMs) return
    toldAt = now
    isWriting = true
    // Progress that cannot be written is no reason to end the training.
    writing = write(progress)
      .catch(() => undefined)
      .finally(() => {
        isWriting = false
      })
  }
  return Object.assign(tell, { settled: () => writing })
}
