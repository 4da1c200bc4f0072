import type { CampaignSpec, Template } from '#contracts/campaign.ts'

/** A variant, in a definition or in a version. */
export interface VariantSlot {
  id: string
  templateId: string
  weight: number
}

/** The variants that take the place of a treatment's; the same list where nothing changes. */
export type EditVariants = (variants: readonly VariantSlot[]) => readonly VariantSlot[]

/** A version with its variants edited; null where nothing changed. `words`: templates that it has not yet. */
export function editSpec(
  spec: CampaignSpec,
  edit: EditVariants,
  words: ReadonlyMap<string, Template>,
): CampaignSpec | null {
  let isChanged = false
  const treatments = spec.treatments.map((treatment) => {
    const slots = treatment.variants.map(({ variantId, weight, template }) => ({
      id: variantId,
      templateId: template.id,
      weight,
    }))
    const edited = edit(slots)
    if (edited === slots) return treatment
    isChanged = true
    const known = new Map(treatment.variants.map(({ template }) => [template.id, template]))
    const variants = edited.map(({ id, templateId, weight }) => ({
      variantId: id,
      weight,
      template: (words.get(templateId) ?? known.get(templateId))!,
    }))
    return { ...treatment, variants }
  })
  return isChanged ? { ...spec, treatments } : null
}

/** The same in a definition, wherever treatments stand in it: the campaign's own and those of its touches. */
export function editDefinition(body: unknown, edit: EditVariants): unknown {
  if (Array.isArray(body)) return body.map((inner) => editDefinition(inner, edit))
  if (typeof body !== 'object' || body === null) return body
  return Object.fromEntries(
    Object.entries(body).map(([key, value]) => [
      key,
      key === 'variants' && isVariants(value) ? editList(value, edit) : editDefinition(value, edit),
    ]),
  )
}

type Written = { id: string; template: string; weight?: number }

function isVariants(value: unknown): value is Written[] {
  return (
    Array.isArray(value) && value.every((own) => typeof own === 'object' && own !== null && 'template' in own)
  )
}

function editList(list: Written[], edit: EditVariants): Written[] {
  const slots = list.map(({ id, template, weight = 1 }) => ({ id, templateId: template, weight }))
  const edited = edit(slots)
  return edited === slots
    ? list
    : edited.map(({ id, templateId: template, weight }) => ({ id, template, weight }))
}
