import type { InstantMs } from '#contracts/clock.ts'
import type { ApiFault } from '#contracts/errors.ts'
import type { EventFault } from './event-fault.ts'
import type { IngestLimits } from './ingest-limits.ts'
import { isPostHogEvent, parsePostHog } from './parse-posthog.ts'
import { type ParsedRequest, parseRequest } from './parse-request.ts'
import { surroundingsOf, validateEvent } from './validate-event.ts'
import { validatePostHogEvent } from './validate-posthog-event.ts'

/**
 * One event as it was kept or corrected, made a request once more, with the fault it still has. `json` must
 * be JSON. Whose words it speaks stands in the event itself.
 */
export async function readKept(
  json: string,
  receivedAt: InstantMs,
  limits: IngestLimits,
): Promise<{ request: ParsedRequest; fault: EventFault | null } | ApiFault> {
  const isPostHogs = isPostHogEvent(JSON.parse(json))
  const request = isPostHogs
    ? await parsePostHog(Buffer.from(json), limits)
    : parseRequest(Buffer.from(`{"batch":[${json}]}`), 'batch', limits)
  if (!('events' in request)) return request
  const validate = isPostHogs ? validatePostHogEvent : validateEvent
  const checked = validate(request.events[0], surroundingsOf(request, receivedAt, limits))
  return { request, fault: checked.kind === 'fault' ? checked : null }
}
