import { expect, test } from 'vitest'
import type { JsonObject } from '#contracts/json.ts'
import { customerFactsOf } from '../../../src/pipeline/customer-facts.ts'
import type { WorkspaceContext } from '../../../src/pipeline/workspace-context.ts'
import { newProfile } from '../../../src/profile/profile.ts'

/** Of a workspace's context, what these facts are made of. */
const context = {
  settings: { workspace: 'w', zone: 'Europe/Berlin' },
  guardrails: { globalHoldout: 0 },
  priorities: { alarm: 'high' },
} as unknown as WorkspaceContext

function factsOf(traits: JsonObject, zone?: string) {
  const profile = { ...newProfile(0), traits, ...(zone === undefined ? {} : { zone }) }
  return customerFactsOf({
    context,
    customer: { workspace: 'w', customerId: 'ada', version: 1, mergedInto: null, profile },
    consents: new Map(),
    suppressions: new Map(),
    contacts: new Map(),
    addresses: {},
    globalAssignment: undefined,
  } as unknown as Parameters<typeof customerFactsOf>[0])
}

test('guardrails go by the customer’s zone, else by their place’s, else by the workspace’s', () => {
  expect(factsOf({ country: 'NP' }, 'Asia/Kolkata').zone).toBe('Asia/Kolkata')
  expect(factsOf({ country: 'US', state: 'HI' }).zone).toBe('Pacific/Honolulu')
  expect(factsOf({ country: 'US' }).zone).toBe('Europe/Berlin')
})

test('guardrails know the classes of the campaigns whose messages are queued', () => {
  expect(factsOf({}).priorities).toEqual({ alarm: 'high' })
})
