import type { StoreScope } from '#platform/store/store.ts'
import type { StoredSnapshot } from '../learning/snapshot-rows.ts'
import { featuresOfSnapshot } from './feature-schema-for.ts'
import { type FeaturesAsOf, featuresAsOf, loadFeatureSources } from './features-as-of.ts'

/** What a version, or a candidate, would have seen of past moments that were decided with other features. */
export async function featuresOfTarget(
  scope: StoreScope,
  workspace: string,
  snapshot: StoredSnapshot,
): Promise<FeaturesAsOf> {
  const db = scope.workspace(workspace)
  const sources = await loadFeatureSources(scope, workspace)
  return async (moments) => {
    if (sources === null || moments.length === 0) return new Map()
    return featuresAsOf(db, await featuresOfSnapshot(db, snapshot), moments, sources)
  }
}
