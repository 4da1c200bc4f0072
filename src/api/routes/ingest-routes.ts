import type { ProductEventKind } from '#contracts/event.ts'
import { parseRequest, type RequestShape } from '../../ingest/parse-request.ts'
import type { ApiApp, ApiRoutes } from '../api-app.ts'
import {
  acceptedSchema,
  type EventDoor,
  type EventForm,
  eventHandler,
  openEventDoor,
  preflight,
  rejectedJson,
  writeKeySecurity,
} from '../event-door.ts'
import { pixelRoutes } from './pixel-routes.ts'
import { posthogRoutes } from './posthog-routes.ts'
import { sourceSettingsRoutes } from './source-settings-routes.ts'

/** All paths of event clients: Segment's and RudderStack's, which are the same, and PostHog's. */
export function ingestRoutes(door: EventDoor): ApiRoutes {
  return (app) => {
    openEventDoor(app, door)
    segmentRoutes(app, door)
    posthogRoutes(app, door)
    pixelRoutes(app, door)
    sourceSettingsRoutes(app, door)
  }
}

/** Batches, and one event a request under its name or first letter. */
function segmentRoutes(app: ApiApp, door: EventDoor): void {
  for (const [path, shape] of Object.entries(paths)) {
    const isMain = path.length > '/v1/t'.length && path.startsWith('/v1/')
    const schema = isMain ? documentationOf(summaries[shape]) : { hide: true }
    app.post(path, { schema }, eventHandler(door, formOf(shape)))
    app.options(path, { schema: { hide: true } as object }, preflight)
  }
  app.post('/v1/import', { schema: documentationOf(importSummary) as object }, eventHandler(door, history))
  app.options('/v1/import', { schema: { hide: true } as object }, preflight)
}

const paths: Record<string, RequestShape> = {
  '/v1/batch': 'batch',
  '/v1/b': 'batch',
  // RudderStack's browser client as the page is left; the key stands in the address.
  '/beacon/v1/batch': 'batch',
  '/v1/track': 'track',
  '/v1/t': 'track',
  '/v1/identify': 'identify',
  '/v1/i': 'identify',
  '/v1/page': 'page',
  '/v1/p': 'page',
  '/v1/screen': 'screen',
  '/v1/s': 'screen',
  '/v1/group': 'group',
  '/v1/g': 'group',
  '/v1/alias': 'alias',
  '/v1/a': 'alias',
}

function formOf(shape: RequestShape): EventForm {
  return { read: (body, limits) => parseRequest(body, shape, limits), answer }
}

/** A batch of what happened long ago: it changes profiles and triggers nothing. */
const history: EventForm = {
  read(body, limits) {
    const parsed = parseRequest(body, 'batch', limits)
    return 'events' in parsed ? { ...parsed, imported: true } : parsed
  },
  answer,
}

function answer(result: Parameters<EventForm['answer']>[0]): string {
  return `{"success":true,"accepted":${result.accepted},"rejected":${rejectedJson(result)}}`
}

const importSummary = 'Take a batch of history: it changes profiles and triggers nothing'

const summaries: Record<RequestShape, string> = {
  batch: 'Take a batch of events',
  track: 'Take one track event',
  identify: 'Take one identify event',
  page: 'Take one page view',
  screen: 'Take one screen view',
  group: 'Take one group event',
  alias: 'Take one alias',
} satisfies Record<'batch' | ProductEventKind, string>

function documentationOf(summary: string) {
  return {
    tags: ['events'],
    summary,
    description:
      'The body is as the public Segment HTTP API has it, plain or compressed (gzip, deflate, br). The write key stands in Basic, in X-Write-Key, or in the body.',
    security: writeKeySecurity,
    response: { 200: acceptedSchema },
  }
}
