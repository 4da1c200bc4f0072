import type { ApiFault } from '#contracts/errors.ts'
import { haveSameDense } from '#contracts/feature-schema.ts'
import { builtInFeatureSchemas, firstFeatureSchema } from '../decision/feature-schemas.ts'
import { publishFeatures } from '../learning/publish-features.ts'
import { audit, type Change } from './change-workspace.ts'
import type { PolicyParts } from './policy-versions.ts'
import { touchWorkspace } from './workspace-context.ts'

/** Schemas that a workspace may choose: what was learned with one of them holds for the others. */
export const choosableFeatures: readonly string[] = [...builtInFeatureSchemas.keys()].filter((name) =>
  haveSameDense(name, firstFeatureSchema.name),
)

/** What decisions look at from now on; the version in force goes on with it. */
export async function changeFeatures(
  parts: PolicyParts,
  change: Change & { features: string; reason: string },
): Promise<{ kind: 'changed' | 'unchanged'; snapshotId: string } | { kind: 'refused'; fault: ApiFault }> {
  return parts.store.transaction(async (tx) => {
    const { workspace, features, reason } = change
    const schema = builtInFeatureSchemas.get(features)
    if (schema === undefined || !choosableFeatures.includes(features)) {
      const detail = `there are no features ${features} to choose; there are ${choosableFeatures.join(', ')}`
      return { kind: 'refused', fault: { code: 'invalid_request', detail, field: 'features' } }
    }
    const result = await publishFeatures(tx.workspace(workspace), schema, parts.wallClock.now())
    if (result.kind === 'other-features') {
      const detail = `the policy in force looks at ${result.featureSchema}: its heads mean nothing for ${features}`
      return { kind: 'refused', fault: { code: 'conflict', detail } }
    }
    const { snapshotId } = result
    if (result.kind === 'unchanged') return { kind: 'unchanged', snapshotId }
    await touchWorkspace(tx, workspace)
    await audit(tx, change, parts.clock.now(), 'policy.features', features, reason, { snapshotId })
    return { kind: 'changed', snapshotId }
  })
}
