import type { ItemList } from '#contracts/campaign.ts'
import type { JsonObject, JsonValue } from '#contracts/json.ts'
import type { TemplateContext } from './context.ts'
import { hasValue } from './helpers.ts'
import type { ItemUse } from './item-use.ts'
import { lookUp } from './printed-values.ts'

/** The context with the lists of items as this template shows them: without gaps, not too long. */
export function withLists<C extends Pick<TemplateContext, 'items'>>(use: ItemUse | null, context: C): C {
  if (use === null) return context
  const items: JsonObject = {}
  for (const [list, { max, required }] of Object.entries(use.lists)) {
    const all = lookUp(context.items, [list])
    const whole = (Array.isArray(all) ? (all as JsonValue[]) : []).filter((item) =>
      required.every((parts) => hasValue(lookUp(item, parts))),
    )
    items[list] = whole.slice(0, max)
  }
  return { ...context, items }
}

/** Lists that are shorter than the template demands, `items.viewed`; `context` is one of `withLists`. */
export function shortLists(use: ItemUse | null, context: Pick<TemplateContext, 'items'>): string[] {
  if (use === null) return []
  return Object.entries(use.lists).flatMap(([list, { min }]) => {
    const own = context.items[list as ItemList]
    return Array.isArray(own) && own.length >= min ? [] : [`items.${list}`]
  })
}
