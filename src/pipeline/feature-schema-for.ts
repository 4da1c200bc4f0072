import type { FeatureSchema } from '#contracts/feature-schema.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { builtInFeatureSchemas, firstFeatureSchema } from '../decision/feature-schemas.ts'
import { modelIdOf, networkFeatures } from '../learning/networks/network-features.ts'
import { openNetwork } from '../learning/networks/network-rows.ts'
import type { StoredSnapshot } from '../learning/snapshot-rows.ts'

/** The features of a snapshot; of the first one to come where there is none. */
export async function featuresOfSnapshot(
  db: WorkspaceDb,
  snapshot: StoredSnapshot | null,
): Promise<FeatureSchema> {
  if (snapshot === null) return firstFeatureSchema
  const { featureSchema: name, snapshotId, manifest } = snapshot
  const hash = manifest.featureSchemaHash
  const learnedWith = hash === undefined ? undefined : { hash, by: `snapshot ${snapshotId}` }
  return featureSchemaFor(db, { name, learnedWith })
}

/**
 * The feature schema of that name as this release and this workspace have it. Throws where there is none, and
 * where its hash is not the one that what was learned was learned with: nothing is ever decided with features
 * that mean something else than they did.
 */
export async function featureSchemaFor(
  db: WorkspaceDb,
  { name, learnedWith }: { name: string; learnedWith?: { hash: string; by: string } | undefined },
): Promise<FeatureSchema> {
  const schema = builtInFeatureSchemas.get(name) ?? (await networkSchema(db, name))
  if (schema === null) throw new Error(`no feature schema ${name}: ${learnedWith?.by ?? 'nobody'} needs it`)
  if (learnedWith !== undefined && learnedWith.hash !== schema.hash) {
    const [was, is] = [learnedWith.hash, schema.hash].map((own) => own.slice(0, 12))
    throw new Error(
      `${learnedWith.by} was made with features ${name} of hash ${was}, this release has ${name} of hash ${is}`,
    )
  }
  return schema
}

async function networkSchema(db: WorkspaceDb, name: string): Promise<FeatureSchema | null> {
  const modelId = modelIdOf(name)
  const network = modelId === null ? null : await openNetwork(db, modelId)
  if (network === null) return null
  const { featureSchema, featureSchemaHash: hash } = network.metadata
  const learnedWith = { hash, by: `network ${modelId}` }
  return networkFeatures(network, await featureSchemaFor(db, { name: featureSchema, learnedWith }))
}
