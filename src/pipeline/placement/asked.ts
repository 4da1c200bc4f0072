import type { Customer } from '#contracts/profile.ts'
import { customerIdOf, stableId } from '#platform/ids/ids.ts'
import { applyEvent } from '../../profile/apply-event.ts'
import { newProfile } from '../../profile/profile.ts'
import { updateSegments } from '../../profile/segments.ts'
import type { TriggeredDecision } from '../decision-input.ts'
import type { WorkspaceContext } from '../workspace-context.ts'
import type { PlacementRequest } from './placement-request.ts'
import type { PlacementFacts } from './read-facts.ts'
import type { Own, Run } from './run.ts'

/** A request as a trigger: the customer as known, and described by it; the campaigns of its placement. */
export function askedOf(
  { workspace, keys, now, receivedAt }: Run,
  context: WorkspaceContext,
  facts: Pick<PlacementFacts, 'customers'>,
  request: PlacementRequest,
  index: number,
  customerId: string,
): TriggeredDecision {
  const known = facts.customers.get(customerId)
  const customer = withTraits(
    known ?? { workspace, customerId, version: 0, mergedInto: null, profile: newProfile(now) },
    known !== undefined,
    request,
    context,
    now,
  )
  const event = { name: request.placement, properties: request.context ?? {} }
  const campaigns = (context.byPlacement.get(request.placement) ?? []).filter((campaign) =>
    campaign.where({ profile: customer.profile, now, event }),
  )
  const trigger = triggerOf(request, keys[index] as string)
  return { customer, campaigns, trigger, now, receivedAt, event }
}

export function triggerOf({ placement }: PlacementRequest, key: string): TriggeredDecision['trigger'] {
  return { kind: 'request', triggerId: `${placement}:${key}`, step: 0 }
}

/** The customer as the request describes him, for this decision only. Segments are asked again by what it adds. */
function withTraits(
  customer: Customer,
  isKnown: boolean,
  { traits, context: requestContext }: PlacementRequest,
  context: WorkspaceContext,
  now: number,
): Customer {
  if (traits === undefined && isKnown) return customer
  const { profile } = customer
  const described: Customer = {
    ...customer,
    profile: { ...profile, traits: { ...profile.traits }, segments: { ...profile.segments } },
  }
  if (traits !== undefined) {
    const payload = { traits, ...(requestContext === undefined ? {} : { context: requestContext }) }
    const event = {
      v: 1 as const,
      workspace: customer.workspace,
      eventId: '',
      customerId: customer.customerId,
    }
    applyEvent(
      described,
      { ...event, kind: 'identify', occurredAt: now, receivedAt: now, payload },
      context.currency,
    )
    // To be asked about is no sign of life.
    described.profile.lastSeenAt = profile.lastSeenAt
  }
  updateSegments(described.profile, context.segments, now)
  return described
}

/** Whom each request is about; somebody without any id is a customer of the request alone. */
export async function customersOf({ parts }: Own, { workspace, requests, keys }: Run): Promise<string[]> {
  const ids = requests.map(
    ({ customerId }, i) => customerId ?? stableId(workspace, 'request', keys[i] as string),
  )
  const named: number[] = []
  for (const [i, { customerId, userId, anonymousId }] of requests.entries()) {
    if (customerId === undefined && (userId ?? anonymousId) !== undefined) named.push(i)
  }
  if (named.length === 0) return ids
  const externalIds = named.map((i) => {
    const { userId, anonymousId } = requests[i] as PlacementRequest
    return {
      ...(userId === undefined ? {} : { userId }),
      ...(anonymousId === undefined ? {} : { anonymousId }),
    }
  })
  const resolved = await parts.identities.resolveMany(workspace, externalIds)
  for (const [at, i] of named.entries()) ids[i] = resolved[at] as string
  return ids
}

export function isSomebody({ customerId, userId, anonymousId }: PlacementRequest): boolean {
  return (customerId ?? userId ?? anonymousId) !== undefined
}

/** Of somebody who has not been looked up: what he is linked to, his owner finds. */
export function unlinkedId(
  workspace: string,
  { userId, anonymousId }: PlacementRequest,
  key: string,
): string {
  if (userId !== undefined) return customerIdOf(workspace, 'user', userId)
  if (anonymousId !== undefined) return customerIdOf(workspace, 'anonymous', anonymousId)
  return stableId(workspace, 'request', key)
}
