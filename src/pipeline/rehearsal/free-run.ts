import { openRuns } from '../../campaign/broadcast-rows.ts'
import { createBroadcastFeeder } from '../broadcast/feed-broadcasts.ts'
import { startSchedules } from '../schedule-timers.ts'
import { fire } from './fire-due.ts'
import type { HistoryPlay } from './play-history.ts'

/** Where nothing is recorded of it, what is due is looked for so often. */
const roundMs = 60_000

export interface FreeRun {
  /** What is due before then and is not left to the recording. */
  runUntil(at: number): Promise<void>
}

/**
 * Time between recorded instants. In history as it was, nothing happens there once rounds are recorded; what was
 * changed, and what came before rounds were recorded, goes on as it is due, within the minute.
 */
export function createFreeRun(play: HistoryPlay, changed: () => boolean): FreeRun {
  const { store, workspace, clock, facts, sender, batchParts } = play
  const db = store.read.workspace(workspace)
  const isLeft = (ends: ReadonlyMap<string, number>) => (id: string) =>
    (ends.get(id) ?? Number.NEGATIVE_INFINITY) > clock.now()
  const roundIsRecorded = isLeft(facts.roundEnds)
  const messageIsRecorded = isLeft(facts.messageEnds)
  const broadcasts = createBroadcastFeeder(batchParts, store)
  const isFree = () => changed() || clock.now() <= facts.roundsSince

  /** What is due before then and not left to the recording. */
  const freeBefore = async (at: number) => {
    const timers = await db
      .selectFrom('timers')
      .selectAll('timers')
      .where('timers.due_at', '<', at)
      .orderBy('timers.due_at')
      .orderBy('timers.timer_id')
      .execute()
    const journeys = await db
      .selectFrom('journeys')
      .select(['journeys.journey_id', 'journeys.customer_id', 'journeys.due_at'])
      .where('journeys.due_at', '<', at)
      .orderBy('journeys.due_at')
      .orderBy('journeys.journey_id')
      .execute()
    const messages = await db
      .selectFrom('messages')
      .select(['messages.message_id', 'messages.due_at'])
      .where('messages.state', '=', 'queued')
      .where('messages.due_at', '<', at)
      .execute()
    return {
      timers: timers.filter(({ timer_id }) => !roundIsRecorded(timer_id)),
      journeys: journeys.filter(({ journey_id }) => !roundIsRecorded(journey_id)),
      messages: changed() ? messages.filter(({ message_id }) => !messageIsRecorded(message_id)) : [],
    }
  }
  const goOn = async (): Promise<void> => {
    let fed = 0
    for (let rows = await broadcasts.feed(workspace); rows > 0; rows = await broadcasts.feed(workspace))
      fed += rows
    const { timers, journeys, messages } = await freeBefore(clock.now() + 1)
    if (timers.length > 0) await fire(play, timers)
    if (journeys.length > 0)
      await fire(
        play,
        journeys.map((own) => ({ journeyId: own.journey_id, customerId: own.customer_id })),
      )
    if (fed + messages.length + timers.length + journeys.length > 0 && changed())
      await sender.sendDue(messageIsRecorded)
  }
  return {
    async runUntil(at) {
      while (isFree()) {
        const from = clock.now()
        // Nobody looks within a minute.
        if (Math.floor(at / roundMs) === Math.floor(from / roundMs)) return
        while ((await startSchedules(batchParts, store, workspace)) > 0);
        const { timers, journeys, messages } = await freeBefore(at)
        const dues = [...timers, ...journeys, ...messages].map((own) => own.due_at ?? at)
        // Only the change starts broadcasts here: the recorded ones are played page by page.
        if ((await openRuns(db)).length > 0) dues.push(from + 1)
        const next = Math.ceil(Math.max(Math.min(...dues), from + 1) / roundMs) * roundMs
        if (!(next < at)) return
        clock.stepTo(next)
        await goOn()
      }
    },
  }
}
