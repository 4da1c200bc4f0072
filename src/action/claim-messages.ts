import { type ChannelName, priorityRanks } from '#contracts/campaign.ts'
import type { Clock, InstantMs } from '#contracts/clock.ts'
import type {
  AccountFacts,
  ContactSlot,
  GuardrailFacts,
  GuardrailOutcome,
  WarmUpFacts,
} from '#contracts/guardrail.ts'
import { selectDueForClaim } from '#platform/store/claim.ts'
import type { StoreTransaction, WorkspaceDb } from '#platform/store/store.ts'
import { providersFor } from './channel-for.ts'
import { drawerOf, drawersOf, withCoupon, withoutCode } from './coupons/claim-codes.ts'
import { openDraw } from './coupons/draw-codes.ts'
import type { Dispatcher, Turn } from './dispatch/dispatcher.ts'
import { loadTries } from './dispatch/tries.ts'
import type { MessageRow } from './message-rows.ts'
import type { ChannelSet } from './open-channels.ts'
import { type MessageChange, saveChanges } from './save-changes.ts'
import { addWarmUpCounts, warmUpKey } from './warm-up-rows.ts'

/**
 * What the claim asks about each message, read in the claim transaction after the customers were locked.
 * `F` may carry more than the guardrails need: rendering gets it too.
 */
export interface ClaimFacts<F extends GuardrailFacts = GuardrailFacts> {
  /**
   * By messageId. `gone`: the campaign version or the customer is no more; the message lapses. `busy`: another
   * claim is counting what these messages would be counted with; they stay for the next one.
   */
  load(
    tx: StoreTransaction,
    workspace: string,
    messages: MessageRow[],
    now: InstantMs,
  ): Promise<Map<string, F | { gone: string } | typeof busy>>
}

/** The facts of a message that another claim stands in the way of. */
export const busy = Symbol('busy')

export interface GuardrailPort {
  evaluate(facts: GuardrailFacts): GuardrailOutcome
}

export interface ClaimParts<F extends GuardrailFacts> {
  facts: ClaimFacts<F>
  guardrails: GuardrailPort
  channels: ChannelSet
  dispatcher: Dispatcher
  clock: Clock
  wallClock: Clock
  owner: string
  /** By the wall clock. Longer than any provider call may take. */
  leaseMs: number
  /** Who is looked at; left out: those that are due, oldest first. A rehearsal knows whom the sender took when. */
  due?: (db: WorkspaceDb, due: { now: InstantMs; limit: number }) => Promise<MessageRow[]>
}

export interface ClaimedMessage<F extends GuardrailFacts> {
  message: MessageRow
  facts: F
  turn: Turn
}

export interface ClaimResult<F extends GuardrailFacts> {
  claimed: ClaimedMessage<F>[]
  /** Messages that changed: claimed, deferred or lapsed. */
  taken: number
}

/** While others wait for the store, a claim ends after this long; what is left stays queued. */
const patienceMs = 5

/**
 * The last gate. Takes up to `limit` due messages of one workspace: locks their customers and the workspace's
 * configuration, asks every guardrail again about what is true now, and for those allowed sets `sending` and writes the attempt. The
 * commit of this transaction is the moment a send begins; nothing else may start one.
 *
 * Messages are judged one after the other, the higher classes first, each seeing the slots and the money that
 * those before it took or left. A message whose provider cannot be called now waits, with the time at which it
 * can: no more are claimed than are sent.
 *
 * `turns` takes the places that providers gave; whoever gets an error from the transaction gives them back.
 */
export async function claimMessages<F extends GuardrailFacts>(
  tx: StoreTransaction,
  workspace: string,
  limit: number,
  parts: ClaimParts<F>,
  turns: Turn[],
): Promise<ClaimResult<F>> {
  // The transaction begins anew: what it took before it does not keep.
  for (const turn of turns.splice(0)) turn.giveBack()
  const startedAt = parts.wallClock.now()
  const now = parts.clock.now()
  const db = tx.workspace(workspace)
  await db.lock('configuration', 'shared')
  const locked = await lockDue(db, now, limit, parts.due)
  if (locked.length === 0) return { claimed: [], taken: 0 }
  const loaded = await parts.facts.load(tx, workspace, locked, now)
  const due = locked.filter((message) => loaded.get(message.message_id) !== busy)
  const facts = loaded as Map<string, F | { gone: string }>
  takeAddresses(due, facts)
  const tries = await loadTries(db, triedElsewhere(due, parts.channels))

  const draw = await openDraw(db, drawersOf(due, facts), now)

  const changed: MessageChange[] = []
  const repeated = new Set<MessageRow>()
  const claimed: ClaimedMessage<F>[] = []
  const batch = createBatchView(now)
  for (const message of inOrderOfClasses(due, facts)) {
    if (tx.othersWait() && parts.wallClock.now() - startedAt >= patienceMs) break
    const known = facts.get(message.message_id) ?? { gone: 'no_facts' }
    const gate = judge(message, known, batch, parts.guardrails, now)
    if (gate.kind !== 'claim') {
      const row = { ...message, ...gate.change, state_at: now }
      changed.push({ from: message.state, row })
      batch.leave(row)
      if (row.state === message.state && row.reason === message.reason) repeated.add(row)
      continue
    }
    const candidates = providersFor(parts.channels, gate.facts.workspace, {
      channel: message.channel as ChannelName,
      address: message.address,
      messageId: message.message_id,
    })
    const drawer = drawerOf(message, gate.facts)
    const coupon = drawer === null ? null : draw.look(drawer)
    if (coupon?.kind === 'none') {
      const row = { ...message, ...withoutCode(message, coupon, now), state_at: now }
      changed.push({ from: message.state, row })
      batch.leave(row)
      if (row.state === message.state && row.reason === message.reason) repeated.add(row)
      continue
    }
    const choice = parts.dispatcher.choose(candidates, message, tries.get(message.message_id) ?? noTries)
    if (choice.kind === 'wait') {
      const waiting = { ...message, ...waitOf(message, choice.waitMs, choice.reason, now), state_at: now }
      changed.push({ from: message.state, row: waiting })
      batch.leave(waiting)
      if (waiting.reason === message.reason) repeated.add(waiting)
      continue
    }
    turns.push(choice.turn)
    if (drawer !== null) draw.take(drawer)
    const row: MessageRow = {
      ...message,
      state: 'sending',
      reason: '',
      sending_at: now,
      state_at: now,
      attempts: message.attempts + 1,
      coupon_code: coupon?.coupon.code ?? message.coupon_code,
      locale: gate.facts.locale ?? '',
      lease_owner: parts.owner,
      lease_until: parts.wallClock.now() + parts.leaseMs,
    }
    batch.take(row, gate.facts.candidate.warmUp)
    changed.push({ from: message.state, row })
    const own = coupon === null ? gate.facts : withCoupon(gate.facts, coupon.coupon)
    claimed.push({ message: row, facts: own, turn: choice.turn })
  }
  await draw.save()
  await saveChanges(db, changed, now, repeated)
  await insertAttempts(db, claimed, now)
  const warmed = claimed.flatMap((own) => own.facts.candidate.warmUp ?? [])
  await addWarmUpCounts(db, warmed, now)
  return { claimed, taken: changed.length }
}

/** A device may have gone since the decision: the message goes where the customer is reached now. */
function takeAddresses<F extends GuardrailFacts>(
  due: MessageRow[],
  facts: Map<string, F | { gone: string }>,
): void {
  for (const message of due) {
    const known = facts.get(message.message_id)
    if (known !== undefined && 'candidate' in known)
      message.address = known.candidate.address ?? message.address
  }
}

/**
 * Due messages, locked with their customers. Whose customer is in other hands right now stays queued for
 * the next claim: who holds messages never waits for a customer, since a merge holds its customers and waits
 * for their messages.
 */
async function lockDue(
  db: WorkspaceDb,
  now: InstantMs,
  limit: number,
  select: NonNullable<ClaimParts<GuardrailFacts>['due']> = selectDueForClaim,
): Promise<MessageRow[]> {
  const due = await select(db, { now, limit })
  const free = await db.tryLockCustomers([...new Set(due.map((message) => message.customer_id))])
  return due.filter((message) => free.has(message.customer_id))
}

type Gate<F> =
  | { kind: 'claim'; facts: F }
  | { kind: 'stay' | 'lapse'; change: Pick<MessageRow, 'state' | 'reason' | 'due_at'> }

/** Failover goes to who failed least: that matters where a channel has several providers. */
function triedElsewhere(messages: readonly MessageRow[], { real }: ChannelSet): string[] {
  return messages
    .filter((row) => row.attempts > 0 && (real.get(row.channel as ChannelName)?.length ?? 0) > 1)
    .map((row) => row.message_id)
}

const noTries: ReadonlyMap<string, number> = new Map()

/** A deferral that ends now or earlier would be claimed and deferred again without end. */
const deferralLeastMs = 1000

function judge<F extends GuardrailFacts>(
  message: MessageRow,
  known: F | { gone: string },
  batch: BatchView,
  guardrails: GuardrailPort,
  now: InstantMs,
): Gate<F> {
  const lapse = (reason: string): Gate<F> => ({
    kind: 'lapse',
    change: { state: 'lapsed', reason, due_at: message.due_at },
  })
  if (now > message.expires_at) return lapse('expired')
  if ('gone' in known) return lapse(known.gone)
  const facts = batch.withTaken(known, message)
  const { verdict, by } = guardrails.evaluate(facts)
  if (verdict.kind === 'allow') return { kind: 'claim', facts }
  const reason = `${by}:${verdict.reason}`
  if (verdict.kind === 'suppress' || verdict.untilMs > message.expires_at) return lapse(reason)
  const dueAt = Math.max(verdict.untilMs, now + deferralLeastMs)
  return { kind: 'stay', change: { state: 'queued', reason, due_at: dueAt } }
}

/** A wait past the message's life ends there: it lapses then. */
function waitOf(message: MessageRow, waitMs: number, reason: string, now: InstantMs) {
  const dueAt = Math.min(now + Math.max(1, Math.ceil(waitMs)), message.expires_at + 1)
  return { state: 'queued', reason, due_at: dueAt } as const
}

/**
 * Transactional ones first, then by class, as they are due, as they were decided: two of one customer may compete
 * for the last slot, and two that were put off to one time arrive from the store in any order.
 */
function inOrderOfClasses<F extends GuardrailFacts>(
  due: MessageRow[],
  facts: Map<string, F | { gone: string }>,
): MessageRow[] {
  const rankOf = ({ message_id }: MessageRow): number => {
    const known = facts.get(message_id)
    return known === undefined || 'gone' in known
      ? 0
      : priorityRanks[known.campaign.spec.priority ?? 'normal']
  }
  return due.toSorted(
    (a, b) =>
      b.transactional - a.transactional ||
      rankOf(b) - rankOf(a) ||
      a.due_at - b.due_at ||
      a.created_at - b.created_at,
  )
}

interface BatchView {
  take(message: MessageRow, warmUp?: WarmUpFacts): void
  /** It lapses, or waits on: what it held against others is free, or later. */
  leave(message: MessageRow): void
  /** The facts as they are after what this batch has taken so far. */
  withTaken<F extends GuardrailFacts>(facts: F, message: MessageRow): F
}

function createBatchView(now: InstantMs): BatchView {
  /** By customer, the slots of the messages judged so far, by message: null of one that lapsed. */
  const judged = new Map<string, Map<string, ContactSlot | null>>()
  const spent = new Map<string, number>()
  /** By `warmUpKey`, sends of warming-up senders. */
  const warmed = new Map<string, number>()
  const put = (message: MessageRow, slot: ContactSlot | null): void => {
    const own = judged.get(message.customer_id) ?? new Map<string, ContactSlot | null>()
    own.set(message.message_id, slot)
    judged.set(message.customer_id, own)
  }
  return {
    take(message, warmUp) {
      put(message, slotOf(message, 'sending', now))
      if (warmUp !== undefined) warmed.set(warmUpKey(warmUp), (warmed.get(warmUpKey(warmUp)) ?? 0) + 1)
      spent.set(message.campaign_id, (spent.get(message.campaign_id) ?? 0) + message.cost_micros)
    },
    leave(message) {
      put(message, message.state === 'queued' ? slotOf(message, 'queued', message.due_at) : null)
    },
    withTaken(given, message) {
      const facts = withSends(given, warmed)
      const own = judged.get(message.customer_id)
      const cost = spent.get(message.campaign_id)
      const accounts = facts.customer.accounts?.map((account) => withJudged(account, judged))
      if (own === undefined && cost === undefined && accounts === undefined) return facts
      return {
        ...facts,
        customer: {
          ...facts.customer,
          contacts: own ? mergeSlots(facts.customer.contacts, own) : facts.customer.contacts,
          ...(accounts === undefined ? {} : { accounts }),
        },
        campaign: cost
          ? { ...facts.campaign, spentMicros: facts.campaign.spentMicros + cost }
          : facts.campaign,
      }
    },
  }
}

function withSends<F extends GuardrailFacts>(facts: F, warmed: ReadonlyMap<string, number>): F {
  const { warmUp } = facts.candidate
  const sends = warmUp === undefined ? undefined : warmed.get(warmUpKey(warmUp))
  if (warmUp === undefined || sends === undefined) return facts
  const sentToday = warmUp.sentToday + sends
  return { ...facts, candidate: { ...facts.candidate, warmUp: { ...warmUp, sentToday } } }
}

function slotOf(message: MessageRow, state: ContactSlot['state'], at: InstantMs): ContactSlot {
  return {
    messageId: message.message_id,
    channel: message.channel as ChannelName,
    campaignId: message.campaign_id,
    state,
    at,
    transactional: message.transactional === 1,
  }
}

/** The account as it is after what this batch has taken of its members' messages. */
function withJudged(
  account: AccountFacts,
  judged: ReadonlyMap<string, Map<string, ContactSlot | null>>,
): AccountFacts {
  const own = new Map(account.memberIds.flatMap((id) => [...(judged.get(id) ?? [])]))
  return own.size === 0 ? account : { ...account, contacts: mergeSlots(account.contacts, own) }
}

/** The batch's slots replace the same messages' queued ones. */
function mergeSlots(contacts: ContactSlot[], judged: Map<string, ContactSlot | null>): ContactSlot[] {
  const others = contacts.filter((slot) => !judged.has(slot.messageId))
  return [...others, ...[...judged.values()].filter((slot) => slot !== null)]
}

async function insertAttempts<F extends GuardrailFacts>(
  db: WorkspaceDb,
  claimed: ClaimedMessage<F>[],
  now: InstantMs,
): Promise<void> {
  if (claimed.length === 0) return
  const rows = claimed.map(({ message, turn }) => ({
    message_id: message.message_id,
    attempt: message.attempts,
    provider: turn.provider.id,
    started_at: now,
    ended_at: null,
    result: '',
    reason: '',
    provider_message_id: '',
  }))
  await db.bulkInsert('attempts', rows, 'fail')
}
