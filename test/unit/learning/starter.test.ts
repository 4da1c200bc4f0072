import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { headKey } from '#contracts/decision.ts'
import { firstFeatureSchema } from '../../../src/decision/feature-schemas.ts'
import { ensureSnapshotFor, latestSnapshot } from '../../../src/learning/snapshot-rows.ts'
import { readStarter, startingHeads } from '../../../src/learning/starter.ts'
import { campaignSpec, openTestStore, workspace, write } from './learning-store.ts'

const starter = readStarter()!
const fields = { featureSchema: firstFeatureSchema.name, featureSchemaHash: firstFeatureSchema.hash }
const spec = campaignSpec('spring', {
  treatments: [
    ['shoes/email', 1e6],
    ['hats/push', 1e6],
  ],
})

test('the starter that ships fits the features that a workspace begins with', () => {
  expect(starter).toMatchObject(fields)
  const heads = startingHeads(starter, fields, spec, [])
  expect(heads.map(({ entry }) => entry.head)).toEqual(['shoes/email', 'hats/push'])
  for (const { weights } of heads) expect(weights).toHaveLength(64)
  const card = readFileSync(new URL('../../../models/starter/card.md', import.meta.url), 'utf8')
  expect(card).toContain('made-up shops')
})

test('it fits the features that only add a tail', () => {
  const tailed = { featureSchema: 'v3', featureSchemaHash: 'of v3' }
  expect(startingHeads(starter, tailed, spec, [])).toEqual(startingHeads(starter, fields, spec, []))
})

test('it gives nothing for other features, nor where a head is known', () => {
  expect(startingHeads(starter, { ...fields, featureSchemaHash: 'other' }, spec, [])).toEqual([])
  expect(startingHeads(starter, { featureSchema: 'v1', dimensions: 64 } as never, spec, [])).toEqual([])
  const known = { campaignId: 'spring', head: 'hats/push', rewards: 3, meanReward: 0, inheritedFrom: '' }
  expect(startingHeads(starter, fields, spec, [known]).map(({ entry }) => entry.head)).toEqual([
    'shoes/email',
  ])
})

test('a first launch publishes it, and a second one of the same campaign does not', async () => {
  const store = await openTestStore()
  const launch = () => write(store, (db) => ensureSnapshotFor(db, spec, 5, firstFeatureSchema, starter))
  expect(await launch()).toBe('s0000000001')
  const snapshot = await latestSnapshot(store.read.workspace(workspace))
  expect(snapshot?.heads.get(headKey('spring', 'shoes/email'))).toEqual(
    Float64Array.from(starter.channels.email!),
  )
  expect(snapshot?.manifest.heads.map(({ inheritedFrom }) => inheritedFrom)).toEqual([
    '(starter)',
    '(starter)',
  ])
  expect(snapshot?.heads.has(headKey('spring', 'nothing'))).toBe(false)
  expect(await launch()).toBe(null)
})
