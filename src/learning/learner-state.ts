import { sendTimeNumbers, variantNumbers } from '#contracts/stages.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import type { BayesianHead } from './bayesian-head.ts'
import { type ByteReader, type ByteWriter, createByteReader, createByteWriter } from './byte-codec.ts'
import { createFeatureMoments, type FeatureMoments } from './feature-moments.ts'
import { readNumbers, writeNumbers } from './snapshot-codec.ts'
import { createSparseTail, isEmptyTail, type SparseTail } from './sparse-tail.ts'
import type { StageTallies } from './stage-tallies.ts'

/** Everything the learner knows of a workspace; a function of the rewards taken in, in their order. */
export interface LearnerState {
  featureSchema: string
  dimensions: number
  /** Taken in. */
  rewards: number
  corrections: number
  /** Passed over: decision erased, or made with other features. */
  skipped: number
  /** Of the rewards taken in. */
  moments: FeatureMoments
  /** By head key. */
  heads: Map<string, LearnerHead>
  /** The stages after the treatment. */
  stages: StageTallies
  /** Of `forgetting.ts`; null where nothing is forgotten. */
  forgetting: Forgetting | null
}

/** UTC days since the epoch: the one for which a state stands, and the one since which it forgets. */
export interface Forgetting {
  halfLifeDays: number
  day: number
  since: number
}

export interface LearnerHead {
  campaignId: string
  /** `treatmentId` or 'nothing'. */
  head: string
  rewards: number
  /** Of its rewards, those that are 1, corrections included. */
  positives: number
  /** Campaign whose head it started from, '' for none. */
  inheritedFrom: string
  model: BayesianHead
  /** What is left of its rewards under forgetting; left out: all. */
  weight?: number
  /** w₀, shape (D), where it started and what it goes back to; left out: 0. */
  start?: Float64Array
  /** Beside it; empty where the feature schema has none. */
  tail: SparseTail
}

export function emptyState(featureSchema: string, dimensions: number): LearnerState {
  return {
    featureSchema,
    dimensions,
    rewards: 0,
    corrections: 0,
    skipped: 0,
    moments: createFeatureMoments(dimensions),
    heads: new Map(),
    stages: { variants: new Map(), sendTimes: new Map() },
    forgetting: null,
  }
}

/**
 * Version 1 had no stages; before version 3 there were no moments: they begin at 0 then. Before version 4 nothing
 * was forgotten, and where heads had started is not known: what they had inherited counts as learned. Version 5 has
 * tails, and is written only where there are some: what else there is has the bytes that it had.
 */
const version = 5
const versionWithoutTails = 4

/** Equal states give equal bytes: heads go by key. 16.6 kB a head at 64 dimensions, nearly all of it P. */
export function encodeState(state: LearnerState): Uint8Array {
  const writer = createByteWriter()
  const tailed = [...state.heads.keys()].filter((key) => !isEmptyTail(state.heads.get(key)!.tail)).sort()
  writer.byte(tailed.length === 0 ? versionWithoutTails : version)
  writer.text(state.featureSchema)
  writer.count(state.dimensions)
  writer.number(state.rewards)
  writer.number(state.corrections)
  writer.number(state.skipped)
  writer.count(state.heads.size)
  for (const key of [...state.heads.keys()].sort()) {
    const head = state.heads.get(key)!
    writer.text(key)
    writer.text(head.campaignId)
    writer.text(head.head)
    writer.text(head.inheritedFrom)
    writer.number(head.rewards)
    writer.number(head.positives)
    writer.numbers(head.model.weights)
    writer.numbers(head.model.covariance)
  }
  writeNumbers(writer, state.stages.variants, variantNumbers)
  writeNumbers(writer, state.stages.sendTimes, sendTimeNumbers)
  writer.number(state.moments.count)
  writer.numbers(state.moments.sums)
  writeForgetting(writer, state)
  if (tailed.length > 0) writer.count(tailed.length)
  for (const key of tailed) {
    writer.text(key)
    writeTail(writer, state.heads.get(key)!.tail)
  }
  return writer.bytes()
}

/** Slot after slot: 20 bytes each. */
function writeTail(writer: ByteWriter, { places, gradients, squares }: SparseTail): void {
  writer.count(places.size)
  for (const [slot, place] of [...places].sort(([a], [b]) => a - b)) {
    writer.count(slot)
    writer.number(gradients[place]!)
    writer.number(squares[place]!)
  }
}

function readTail(reader: ByteReader): SparseTail {
  const length = reader.count()
  const tail: SparseTail = {
    places: new Map(),
    gradients: new Float64Array(Math.max(1, length)),
    squares: new Float64Array(Math.max(1, length)),
  }
  for (let place = 0; place < length; place += 1) {
    tail.places.set(reader.count(), place)
    tail.gradients[place] = reader.number()
    tail.squares[place] = reader.number()
  }
  return tail
}

export function decodeState(bytes: Uint8Array): LearnerState {
  const reader = createByteReader(bytes)
  const found = reader.byte()
  if (found > version || found === 0)
    throw new Error(`learner state of version ${found}: this release reads up to ${version}`)
  const state = emptyState(reader.text(), reader.count())
  state.rewards = reader.number()
  state.corrections = reader.number()
  state.skipped = reader.number()
  const triangle = (state.dimensions * (state.dimensions + 1)) / 2
  for (let left = reader.count(); left > 0; left -= 1) {
    state.heads.set(reader.text(), {
      campaignId: reader.text(),
      head: reader.text(),
      inheritedFrom: reader.text(),
      rewards: reader.number(),
      positives: reader.number(),
      model: { weights: reader.numbers(state.dimensions), covariance: reader.numbers(triangle) },
      tail: createSparseTail(),
    })
  }
  if (found > 1) {
    const variants = readNumbers(reader, variantNumbers)
    state.stages = { variants, sendTimes: readNumbers(reader, sendTimeNumbers) }
  }
  if (found > 2) state.moments = { count: reader.number(), sums: reader.numbers(triangle) }
  if (found > 3) readForgetting(reader, state)
  if (found > 4) {
    for (let left = reader.count(); left > 0; left -= 1)
      state.heads.get(reader.text())!.tail = readTail(reader)
  }
  reader.end()
  return state
}

/** The day, then of heads that forgot something, or started from somewhere, what is left and where that was. */
function writeForgetting(writer: ByteWriter, { forgetting, heads }: LearnerState): void {
  writer.count(forgetting?.day ?? 0)
  writer.count(forgetting?.since ?? 0)
  writer.number(forgetting?.halfLifeDays ?? 0)
  const weights = [...heads].flatMap(([key, { weight }]) =>
    weight === undefined ? [] : [[key, Float64Array.of(weight)] as const],
  )
  const starts = [...heads].flatMap(([key, { start }]) =>
    start === undefined ? [] : [[key, start] as const],
  )
  writeNumbers(writer, new Map(weights), 1)
  writeNumbers(writer, new Map(starts), starts[0]?.[1].length ?? 0)
}

function readForgetting(reader: ByteReader, state: LearnerState): void {
  const [day, since, halfLifeDays] = [reader.count(), reader.count(), reader.number()]
  state.forgetting = halfLifeDays === 0 ? null : { halfLifeDays, day, since }
  for (const [key, [weight]] of readNumbers(reader, 1)) state.heads.get(key)!.weight = weight!
  for (const [key, start] of readNumbers(reader, state.dimensions)) state.heads.get(key)!.start = start
}

/** Cursor: the last reward sequence taken in, 0 before the first. */
export async function loadCursor(db: WorkspaceDb): Promise<number> {
  const row = await db.selectFrom('learner_states').select('learner_states.cursor').executeTakeFirst()
  return row?.cursor ?? 0
}

export async function loadState(db: WorkspaceDb): Promise<{ cursor: number; state: LearnerState } | null> {
  const row = await db.selectFrom('learner_states').selectAll('learner_states').executeTakeFirst()
  return row === undefined ? null : { cursor: row.cursor, state: decodeState(row.state) }
}

/**
 * Overwrites the state if its cursor is still `from` (0: there is no row yet). False, and nothing
 * written, when another owner moved it.
 */
export async function moveState(
  db: WorkspaceDb,
  from: number,
  next: { cursor: number; state: Uint8Array },
  now: number,
): Promise<boolean> {
  if (from === 0) {
    return (await db.bulkInsert('learner_states', [{ ...next, updated_at: now }], 'ignore')) === 1
  }
  const result = await db
    .updateTable('learner_states')
    .set({ ...next, updated_at: now })
    .where('learner_states.cursor', '=', from)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Keeps what the learner knew when another version takes the place of `snapshotId`. */
export async function archiveState(
  db: WorkspaceDb,
  snapshotId: string,
  state: LearnerState,
  now: number,
): Promise<void> {
  const row = { snapshot_id: snapshotId, archived_at: now, state: encodeState(state) }
  await db.bulkInsert('learner_archives', [row], 'ignore')
}

/** The first state kept while that version or a later one was in force: it holds all that the version knew. */
export async function loadArchivedState(db: WorkspaceDb, snapshotId: string): Promise<LearnerState | null> {
  const row = await db
    .selectFrom('learner_archives')
    .select('learner_archives.state')
    .where('learner_archives.snapshot_id', '>=', snapshotId)
    .orderBy('learner_archives.snapshot_id')
    .limit(1)
    .executeTakeFirst()
  return row === undefined ? null : decodeState(row.state)
}
