import type { JsonObject } from '#contracts/json.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { shortLists, withLists } from '../../creative/item-lists.ts'
import type { TemplateCache } from '../../creative/template-cache.ts'
import { localeOfTemplate, wordsFor } from '../../creative/words.ts'
import type { SendFacts } from '../claim-facts.ts'
import { readerOf } from '../template-values.ts'
import { variantOf } from '../variant-of.ts'
import { followedKey, type WorkspaceContext } from '../workspace-context.ts'
import { itemLists, itemOfOffer, loadItemFacts, stockFacts } from './item-facts.ts'
import { type AskedItems, askedItems, type ItemNeeds, itemNeedsOfSpec, withItemOf } from './item-needs.ts'

type Message = RowOf<'messages'>

/** What each message is written in: its record says so. */
export function noteLocales(
  { settings }: WorkspaceContext,
  messages: readonly Message[],
  facts: ReadonlyMap<string, SendFacts | { gone: string }>,
): void {
  for (const message of messages) {
    const own = facts.get(message.message_id)
    const template = own === undefined || 'gone' in own ? undefined : variantOf(message, own)?.template
    if (template === undefined) continue
    const send = own as SendFacts
    send.locale = localeOfTemplate(template, readerOf(send.profile, settings)).locale
  }
}

export interface ItemLook {
  context: WorkspaceContext
  templates: TemplateCache
  messages: readonly Message[]
  now: number
}

/**
 * Asks for all items of the claim at once, where offers or templates name any. The lock makes what is sold out
 * count for every claim that commits after the change was acknowledged.
 */
export async function noteItems(
  db: WorkspaceDb,
  { context, templates, messages, now }: ItemLook,
  facts: ReadonlyMap<string, SendFacts | { gone: string }>,
): Promise<void> {
  const asked: AskedItems = { itemIds: new Set(), categories: new Set() }
  const concerned = messages.flatMap((message) => {
    const own = facts.get(message.message_id)
    const needs = own === undefined || 'gone' in own ? null : itemNeedsIn(context, own)
    if (needs === null) return []
    const { event } = JSON.parse(message.context_json) as { event?: { properties?: JsonObject } }
    const properties = event?.properties
    const { profile } = (own as SendFacts).profile
    const more = askedItems(needs, [profile], properties === undefined ? [] : [properties])
    for (const id of more.itemIds) asked.itemIds.add(id)
    for (const category of more.categories) asked.categories.add(category)
    return [{ own: own as SendFacts, message, properties, needs }]
  })
  if (concerned.length === 0) return
  await db.lock('items', 'shared')
  const items = await loadItemFacts(db, asked, now)
  for (const { own, message, properties, needs } of concerned) {
    own.stock = stockFacts(items, needs, properties)
    own.item = itemOfOffer(items, own.candidate.offer, properties)
    if (needs.lists.size === 0) continue
    own.items = itemLists(items, own.profile.profile, needs.lists)
    const [short] = shortListsOf(context, templates, message, own)
    if (short !== undefined) own.shortOf = short
  }
}

/** Lists that have become shorter than the message's words demand. */
function shortListsOf(
  { settings }: WorkspaceContext,
  templates: TemplateCache,
  message: Message,
  own: SendFacts,
): string[] {
  const variant = variantOf(message, own)
  const compiled = variant === undefined ? null : templates.compile(variant.template)
  // What cannot be compiled cannot be rendered either, which says so by itself.
  if (compiled === null || compiled.kind === 'faults') return []
  const { items } = wordsFor(compiled.template, readerOf(own.profile, settings)).template
  return shortLists(items, withLists(items, { items: own.items ?? {} }))
}

/** What the message's words ask, as it was decided, and its offer, as it is now; null: nothing. */
function itemNeedsIn({ campaigns, followed }: WorkspaceContext, own: SendFacts): ItemNeeds | null {
  if (own.transactional) return null
  const { campaignId, version, spec } = own.decidedBy
  const running = campaigns.get(campaignId)
  const known =
    running?.version.version === version ? running : followed.get(followedKey(campaignId, version))
  const decided = known === undefined ? itemNeedsOfSpec(spec) : known.itemNeeds
  return withItemOf(decided, own.candidate.offer)
}
