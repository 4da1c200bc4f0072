import type { ChannelName } from '#contracts/campaign.ts'
import type { CapCache } from '#contracts/cap-cache.ts'
import type { GuardrailFacts } from '#contracts/guardrail.ts'
import type { Logger } from '#contracts/logger.ts'
import type {
  ContentFault,
  ContentLimits,
  OutgoingMessage,
  RenderedContent,
  SendResult,
} from '#contracts/message.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { Store } from '#platform/store/store.ts'
import { type ClaimedMessage, type ClaimParts, type ClaimResult, claimMessages } from './claim-messages.ts'
import { composeMessage, trackClicks, trackTap } from './compose-message.ts'
import type { Turn } from './dispatch/dispatcher.ts'
import type { Links } from './links.ts'
import type { MessageRow } from './message-rows.ts'
import { markUnknown } from './recover.ts'
import { createResultWriter, type HeldResults } from './result-writer.ts'
import { domainOf } from './sender-domain.ts'
import type { UtmParameters } from './utm.ts'
import { type ResultParts, writeResults } from './write-results.ts'

export interface RenderInput<F extends GuardrailFacts> {
  message: MessageRow
  facts: F
  unsubscribeUrl: string
  preferencesUrl: string
  /** Of the provider that will take it. */
  limits: ContentLimits
  /** To run over the finished html. */
  htmlTransform(html: string): string
  /** The same over the address that a tap opens. */
  urlTransform(url: string): string
}

/** Says what the message says, with the facts of the claim. */
export interface RenderPort<F extends GuardrailFacts> {
  /** Who writes it (null: the default sender), and what its links tell the site's analytics. */
  about(input: Pick<RenderInput<F>, 'message' | 'facts'>): { from: string | null; utm: UtmParameters }
  render(
    input: RenderInput<F>,
  ): { kind: 'rendered'; content: RenderedContent } | { kind: 'fault'; fault: ContentFault }
}

export interface SenderParts<F extends GuardrailFacts> extends ClaimParts<F>, ResultParts {
  store: Store
  workspaces: { list(): Promise<string[]> }
  render: RenderPort<F>
  links: Links
  /** Sender of messages whose template names none. */
  defaultFrom: string
  /** Where mails come back to, `bounces@shop.example`; each with a part of its own. Absent: to their sender. */
  bounceAddress?: string
  /** Most messages `sending` at once, all workspaces together: what a crash can leave `unknown`. */
  inFlightMax: number
  logger: Pick<Logger, 'error'>
  /** Is told of slots after they were taken and given back: it may know less than the ledger for a moment. */
  capCache?: Pick<CapCache, 'note' | 'takeBack'>
}

export interface Sender {
  /**
   * Claims what is due and starts sending it. Resolves to the number of messages taken; 0 means that
   * nothing is due now. Waits for a free slot first when all are in flight.
   */
  step(): Promise<number>
  /** Resolves when everything in flight has its result in the store. */
  drain(): Promise<void>
  /** Marks what a vanished sender left `sending` as unknown; `all` at the start of the only process. */
  recover(which?: 'all' | 'expired'): Promise<number>
}

/** The design's bound on what one kill can leave unknown. */
const inFlightLimit = 32
/** A claim waits for more slots until none has become free for so long. */
const gatherPauseMs = 1

/** The ledger's engine: claim, render, send, record. */
export function createSender<F extends GuardrailFacts>(parts: SenderParts<F>): Sender {
  const { store, workspaces, inFlightMax, logger } = parts
  if (inFlightMax < 1 || inFlightMax > inFlightLimit) throw new Error(`inFlightMax is 1 to ${inFlightLimit}`)
  const inFlight = new Map<string, Promise<void>>()
  const results = createResultWriter((finished) =>
    store.transaction((tx) => writeResults(tx, finished, parts)),
  )
  let turn = 0
  let onEnd = (): void => {}
  /** Slots to be had by the next claim, which writes the results that are held along. */
  const freeSlots = (held: HeldResults | null): number =>
    inFlightMax - inFlight.size + (held === null ? 0 : results.waiting)

  const start = (claimed: ClaimedMessage<F>): void => {
    const { message, turn } = claimed
    const key = keyOf(message.workspace, message.message_id)
    const run = async (): Promise<void> => {
      try {
        const result = await sendOne(claimed, parts)
        const written = results.put({
          message,
          provider: turn.provider.id,
          result,
          elsewhere: turn.elsewhere(),
        })
        onEnd()
        await written
        if (givesBack(result)) tellGivenBack(parts, message)
      } catch (error) {
        // It stays `sending` and becomes `unknown` when its lease has run out.
        logger.error('a send result could not be written', {
          messageId: message.message_id,
          error: String(error),
        })
      } finally {
        inFlight.delete(key)
        onEnd()
      }
    }
    inFlight.set(key, run())
  }

  const stepWorkspace = async (workspace: string, held: HeldResults | null): Promise<number> => {
    if (freeSlots(held) <= 0 || !(await hasDue(store, workspace, parts.clock.now()))) return 0
    await parts.dispatcher.prepare()
    const result = await claim(workspace, held)
    tellTaken(parts, workspace, result.claimed)
    for (const claimed of result.claimed) start(claimed)
    return result.taken
  }

  const claim = async (workspace: string, held: HeldResults | null): Promise<ClaimResult<F>> => {
    const turns: Turn[] = []
    const finished = held?.take() ?? []
    const free = inFlightMax - inFlight.size + finished.length
    try {
      const result = await store.transaction(async (tx) => {
        if (finished.length > 0) await writeResults(tx, finished, parts)
        return await claimMessages(tx, workspace, free, parts, turns)
      })
      held?.written()
      return result
    } catch (error) {
      for (const turn of turns) turn.giveBack()
      throw error
    }
  }

  /** Waits for a free slot, and then for all as long as they come thick and fast: a commit costs a disk flush. */
  const waitForSlots = async (held: HeldResults | null): Promise<void> => {
    while (freeSlots(held) <= 0) await new Promise<void>((resolve) => (onEnd = resolve))
    let free = freeSlots(held)
    await new Promise<void>((resolve) => {
      const go = (): void => {
        clearInterval(timer)
        onEnd = () => {}
        resolve()
      }
      const timer = setInterval(() => {
        if (freeSlots(held) === free) go()
        free = freeSlots(held)
      }, gatherPauseMs)
      onEnd = () => {
        if (freeSlots(held) >= inFlightMax) go()
      }
      onEnd()
    })
  }

  return {
    async step() {
      // One file, one writer: results go along with the next claim, in one transaction and one disk flush.
      const held = store.dialect === 'sqlite' ? results.hold() : null
      try {
        if (freeSlots(held) <= 0) await waitForSlots(held)
        const all = await workspaces.list()
        let taken = 0
        for (let i = 0; i < all.length; i++) taken += await stepWorkspace(all[(turn + i) % all.length]!, held)
        // The next step begins with another workspace: a busy one does not starve the rest.
        turn = all.length === 0 ? 0 : (turn + 1) % all.length
        return taken
      } finally {
        held?.release()
      }
    },
    async drain() {
      while (inFlight.size > 0) await Promise.all(inFlight.values())
    },
    async recover(which = 'all') {
      let marked = 0
      for (const workspace of await workspaces.list()) {
        const isOurs = (messageId: string) => inFlight.has(keyOf(workspace, messageId))
        marked += await markUnknown(store, workspace, which, { ...parts, isOurs })
      }
      return marked
    },
  }
}

/** Renders and hands over one claimed message. Never throws. */
async function sendOne<F extends GuardrailFacts>(
  claimed: ClaimedMessage<F>,
  parts: SenderParts<F>,
): Promise<SendResult> {
  const outgoing = renderOne(claimed, parts)
  if (outgoing.kind === 'outgoing') return await claimed.turn.send(outgoing.message)
  claimed.turn.giveBack()
  return outgoing
}

type Rendered = { kind: 'outgoing'; message: OutgoingMessage } | SendResult

function renderOne<F extends GuardrailFacts>(
  { message, facts, turn }: ClaimedMessage<F>,
  { links: allLinks, render, defaultFrom, bounceAddress, logger }: SenderParts<F>,
): Rendered {
  const { workspace, message_id: messageId } = message
  const isMail = message.channel === 'email'
  try {
    const about = render.about({ message, facts })
    const from = about.from ?? defaultFrom
    const links = allLinks.ofSender(domainOf(from))
    const unsubscribeUrl = links.unsubscribeUrl(workspace, messageId)
    const tracking = { links, workspace, messageId, utm: about.utm, countsOpens: isMail }
    const rendered = render.render({
      message,
      facts,
      limits: turn.provider.limits ?? {},
      unsubscribeUrl,
      preferencesUrl: links.preferencesUrl(workspace, messageId),
      htmlTransform: trackClicks(tracking),
      urlTransform: trackTap(tracking),
    })
    if (rendered.kind === 'fault') {
      const { code, detail } = rendered.fault
      return { kind: 'permanent', reason: `${code}: ${detail}`, suppress: false }
    }
    const returnPath =
      isMail && bounceAddress !== undefined ? links.bounceAddress(bounceAddress, messageId) : undefined
    const input = { message, content: rendered.content, from, unsubscribeUrl }
    return {
      kind: 'outgoing',
      message: composeMessage(returnPath === undefined ? input : { ...input, returnPath }),
    }
  } catch (error) {
    // The provider was not called: it may be tried again.
    logger.error('a message could not be rendered', { messageId, error: String(error) })
    return { kind: 'transient', reason: `render_failed: ${String(error)}` }
  }
}

/** Nobody waits for it: early refusal is a help, and the next claim asks the ledger. */
function tellTaken<F extends GuardrailFacts>(
  { capCache }: SenderParts<F>,
  workspace: string,
  claimed: ClaimedMessage<F>[],
): void {
  const marketing = claimed.map(({ message }) => message).filter((message) => message.transactional === 0)
  if (capCache === undefined || marketing.length === 0) return
  const sends = marketing.map((message) => ({
    customerId: message.customer_id,
    messageId: message.message_id,
    channel: message.channel as ChannelName,
    campaignId: message.campaign_id,
    at: message.sending_at ?? 0,
  }))
  void capCache.note(workspace, sends)
}

function tellGivenBack<F extends GuardrailFacts>({ capCache }: SenderParts<F>, message: MessageRow): void {
  const { workspace, customer_id: customerId, message_id: messageId } = message
  if (message.transactional === 0) void capCache?.takeBack(workspace, [{ customerId, messageId }])
}

/** What was sent or may have been keeps its slot. */
function givesBack({ kind }: SendResult): boolean {
  return kind !== 'sent' && kind !== 'unknown'
}

/** A plain read, so that idle workspaces cost no write transaction. */
async function hasDue(store: Store, workspace: string, now: number): Promise<boolean> {
  return (await store.read.workspace(workspace).recurring(anyDue, { now })).length > 0
}

const anyDue: RecurringQuery<{ now: number }, Pick<MessageRow, 'message_id'>> = {
  like: { now: 'number' },
  build: (db, { now }) =>
    db
      .selectFrom('messages')
      .select('messages.message_id')
      .where('messages.state', '=', 'queued')
      .where('messages.due_at', '<=', now)
      // In the index's order: without it, PostgreSQL expects a due message soon on a walk over all of them.
      .orderBy('messages.due_at')
      .limit(1),
}

function keyOf(workspace: string, messageId: string): string {
  return `${workspace}\u0000${messageId}`
}
