import type { StoreLocation } from '#platform/store/open-store.ts'
import type { Config } from '../config.ts'
import type { Ingest } from '../ingest/ingest.ts'
import type { CallbackCounter } from '../pipeline/callbacks/callback-counter.ts'
import type { EngineParts } from '../pipeline/engine-parts.ts'
import type { PlacementDecider } from '../pipeline/placement/decide-for-placement.ts'
import type { ProviderLimits } from '../pipeline/provider-limits.ts'
import type { Identities } from '../profile/identities.ts'
import type { Auth } from './auth.ts'
import type { RejectedEventsPort } from './routes/rejected-event-routes.ts'

/** What the groups of paths are made of: the engine's parts, and what only this door has. */
export interface Doors extends EngineParts {
  config: Config
  location: StoreLocation
  ingest: Ingest
  identities: Identities
  rejectedEvents: RejectedEventsPort
  auth: Auth
  placements: PlacementDecider
  callbackCounter: CallbackCounter
  /** What the configured providers take at most. */
  limits: ProviderLimits
}
