import type { ParsedRequest } from './parse-request.ts'
import { rawArrayEvents, rawBatchEvents } from './raw-events.ts'

/** The texts of a request's events, in order: what is kept of those that are refused. */
export function refusedTexts(request: ParsedRequest): string[] {
  const { shape, json } = request
  if (shape === 'batch') return rawBatchEvents(json)
  if (shape !== 'posthog') return [typed(request)]
  if (/^\s*\[/.test(json)) return rawArrayEvents(json)
  const texts = rawBatchEvents(json)
  return texts.length > 0 ? texts : [json]
}

/** A single event's text; where only the path named its type, with the type, so that it can be replayed. */
function typed({ shape, events: [event], json }: ParsedRequest): string {
  if (typeof event !== 'object' || event === null || Array.isArray(event) || 'type' in event) return json
  const inside = json.slice(json.indexOf('{') + 1)
  return `{"type":"${shape}"${inside.trim() === '}' ? '' : ','}${inside}`
}
