import type { CampaignSpec, Template } from '#contracts/campaign.ts'
import type { ApiFault } from '#contracts/errors.ts'
import type { StoreTransaction, WorkspaceDb } from '#platform/store/store.ts'
import { listCampaigns, loadStanding } from '../campaign/campaign-rows.ts'
import { insertDocuments, loadDocuments } from '../campaign/document-rows.ts'
import { type EditVariants, editDefinition, editSpec, type VariantSlot } from '../campaign/edit-variants.ts'
import {
  challengerTemplateId,
  type TemplateCandidate,
  type TemplatePlace,
} from '../creative/template-candidate-rows.ts'
import { relaunch } from './relaunch.ts'

type Tried = Pick<TemplateCandidate, 'templateId' | 'version'>

/** Beside each variant of the template its challenger, with `share` of its weight. */
export function withChallenger(tried: Tried, share: number): EditVariants {
  const { templateId, version } = tried
  return (variants) =>
    changed(variants, (own) => {
      if (own.templateId !== templateId) return [own]
      const weight = rounded(own.weight * share)
      const challenger = {
        id: challengerId(own.id, version),
        templateId: challengerTemplateId(tried),
        weight,
      }
      return [{ ...own, weight: rounded(own.weight - weight) }, challenger]
    })
}

/**
 * The challenger in the champion's place, with the weight of both and the template's own id. Where it was not
 * tried, since that was launched later, the words alone change.
 */
export function promoted(tried: Tried): EditVariants {
  return (variants) =>
    changed(variants, (own) => {
      if (own.templateId === challengerTemplateId(tried)) return []
      if (own.templateId !== tried.templateId) return [own]
      const { id, weight } = challengerOf(own, variants, tried) ?? { id: own.id, weight: 0 }
      return [{ ...own, id, weight: rounded(own.weight + weight) }]
    })
}

/** The champion alone, with the weight of both. */
export function withdrawn(tried: Tried): EditVariants {
  return (variants) =>
    changed(variants, (own) => {
      if (own.templateId === challengerTemplateId(tried)) return []
      const other = challengerOf(own, variants, tried)
      return other === null ? [own] : [{ ...own, weight: rounded(own.weight + other.weight) }]
    })
}

/** The ids that the variants had before the promotion: what is known of them is known of the old words. */
export function rolledBack({ templateId, places }: TemplateCandidate): EditVariants {
  const before = new Map(places.map(({ champion, challenger }) => [challenger, champion]))
  return (variants) =>
    changed(variants, (own) => {
      if (own.templateId !== templateId) return [own]
      return [{ ...own, id: before.get(own.id) ?? own.id }]
    })
}

/** Where the template is used in a version, with the ids that its challengers have there. */
export function placesOf(
  { campaignId, treatments }: CampaignSpec,
  { templateId, version }: Tried,
): TemplatePlace[] {
  return treatments.flatMap(({ treatmentId, variants }) =>
    variants.flatMap(({ variantId: champion, template, weight }) =>
      template.id === templateId
        ? [{ campaignId, treatmentId, champion, challenger: challengerId(champion, version), weight }]
        : [],
    ),
  )
}

/**
 * The specs that run and use a template. A fault where one of them cannot be changed now: it is paused,
 * something waits to be launched, or an experiment compares it. Broadcasts say what they say: they are left
 * out, and so is what has ended.
 */
export async function specsWith(
  db: WorkspaceDb,
  templateId: string,
): Promise<{ kind: 'specs'; specs: CampaignSpec[] } | { kind: 'refused'; fault: ApiFault }> {
  const specs: CampaignSpec[] = []
  for (const { campaignId } of await listCampaigns(db)) {
    const { running, waiting } = await loadStanding(db, campaignId)
    if (running === null || running.state === 'ended' || 'broadcast' in running.spec.trigger) continue
    const { spec, state } = running
    const uses = spec.treatments.some(({ variants }) =>
      variants.some(({ template }) => template.id === templateId),
    )
    if (!uses) continue
    const why =
      waiting !== null
        ? `version ${waiting.version} of ${campaignId} waits as ${waiting.state}: launch or change it first`
        : state === 'paused'
          ? `${campaignId} is paused: launch or end it first`
          : spec.policy.kind === 'fixed-split' && spec.policy.shipped === undefined
            ? `${campaignId} runs an experiment, whose arms are to differ by their treatments alone`
            : null
    if (why !== null) return { kind: 'refused', fault: { code: 'conflict', detail: why } }
    specs.push(spec)
  }
  return { kind: 'specs', specs }
}

/** Edits versions and definitions alike, so that applying the old file shows what it would take back. */
export async function editCampaigns(
  tx: StoreTransaction,
  change: { workspace: string; actor: string; note: string; now: number },
  { specs, edit, words }: { specs: readonly CampaignSpec[]; edit: EditVariants; words: Template },
): Promise<void> {
  const { workspace, actor, note, now } = change
  const db = tx.workspace(workspace)
  const definitions = new Map((await loadDocuments(db, 'campaign')).map((own) => [own.id, own]))
  for (const spec of specs) {
    const edited = editSpec(spec, edit, new Map([[words.id, words]]))
    if (edited === null) continue
    await relaunch(tx, workspace, { spec: edited, actor, note, now })
    const own = definitions.get(spec.campaignId)
    if (own === undefined) throw new Error(`the definition of ${spec.campaignId} is missing`)
    const document = { ...own, version: own.version + 1, body: editDefinition(own.body, edit) }
    await insertDocuments(db, [document], actor, now)
  }
}

/** Two variants must not come to one id. */
export function collides(spec: CampaignSpec, edit: EditVariants): boolean {
  const edited = editSpec(spec, edit, new Map())
  return (edited?.treatments ?? []).some(
    ({ variants }) => new Set(variants.map(({ variantId }) => variantId)).size < variants.length,
  )
}

function changed(
  variants: readonly VariantSlot[],
  of: (own: VariantSlot) => VariantSlot[],
): readonly VariantSlot[] {
  const edited = variants.flatMap(of)
  const isSame = edited.length === variants.length && edited.every((own, i) => own === variants[i])
  return isSame ? variants : edited
}

function challengerOf(own: VariantSlot, variants: readonly VariantSlot[], tried: Tried): VariantSlot | null {
  if (own.templateId !== tried.templateId) return null
  const id = challengerId(own.id, tried.version)
  const isIt = (other: VariantSlot) => other.id === id && other.templateId === challengerTemplateId(tried)
  return variants.find(isIt) ?? null
}

/** `a` → `a-v2` → `a-v3`: what is learned of a variant is learned of its words. */
function challengerId(variantId: string, version: number): string {
  return `${variantId.replace(/-v\d+$/, '')}-v${version}`
}

/** .1 + .2 is .3. */
function rounded(weight: number): number {
  return Number(weight.toFixed(9))
}
