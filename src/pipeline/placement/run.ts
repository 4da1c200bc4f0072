import type { TemplateCache } from '../../creative/template-cache.ts'
import type { TriggeredDecision } from '../decision-input.ts'
import type { WorkspaceContext, WorkspaceContexts } from '../workspace-context.ts'
import type { PlacementParts } from './decide-for-placement.ts'
import type { PlacementRequest } from './placement-request.ts'
import type { PlacementFacts } from './read-facts.ts'
import type { RecentDecisions } from './recent-decisions.ts'

/** What the placements of a process are decided with. */
export interface Own {
  parts: PlacementParts
  recent: RecentDecisions
  contexts: WorkspaceContexts
  templates: TemplateCache
}

/** One call, and how far it has come. */
export interface Run {
  workspace: string
  requests: PlacementRequest[]
  keys: string[]
  now: number
  receivedAt: number
  isLate(): boolean
  context: WorkspaceContext | null
  facts: PlacementFacts | null
  asked: TriggeredDecision[] | null
}
