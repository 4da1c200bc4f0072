import type { EventFault } from './event-fault.ts'
import { fromPostHog } from './posthog-event.ts'
import { type EventSurroundings, type ValidEvent, validateEvent } from './validate-event.ts'

/** One event of PostHog's clients against the rules; faults name the fields as the client knows them. */
export function validatePostHogEvent(raw: unknown, around: EventSurroundings): ValidEvent | EventFault {
  const translated = fromPostHog(raw, around.receivedAt)
  if (translated.kind === 'fault') return translated
  const { event, isAged, isNobodys } = translated
  const result = validateEvent(event, {
    ...around,
    sentAt: isAged ? undefined : around.sentAt,
    // What is nobody's makes a row of its own, and must not enter campaigns.
    imported: around.imported ?? (isNobodys ? true : undefined),
  })
  if (result.kind === 'fault') return inTheirWords(result)
  return result.kind === 'identify' ? { ...result, isEitherKind: true } : result
}

const theirNames: Record<string, string> = {
  userId: 'distinct_id',
  messageId: 'uuid',
  anonymousId: 'properties.$anon_distinct_id',
  previousId: 'properties.alias',
  groupId: 'properties.$group_key',
  name: 'properties.$screen_name',
  sentAt: 'sent_at',
  traits: '$set',
}

function inTheirWords({ code, field, detail }: EventFault): EventFault {
  const [first = '', ...rest] = field.split('.')
  const theirs = [theirNames[first] ?? first, ...rest].join('.')
  return {
    kind: 'fault',
    code,
    field: theirs,
    detail: detail.replaceAll(first, () => theirNames[first] ?? first),
  }
}
