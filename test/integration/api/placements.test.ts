import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Problem } from '../../../src/api/problem.ts'
import { firstStart } from '../../../src/pipeline/first-start.ts'
import type { PlacementAnswer } from '../../../src/pipeline/placement/placement-request.ts'
import {
  applyLive,
  applyOnly,
  openPlacementWorld,
  type PlacementWorld,
  placementYaml,
} from './placement-world.ts'

let world: PlacementWorld
beforeEach(async () => {
  world = await openPlacementWorld()
})
afterEach(() => world.close())

/** A decision that drew a treatment: "nothing" has a share of every draw. */
async function untilTreatment(request: Parameters<PlacementWorld['decide']>[0]): Promise<PlacementAnswer> {
  for (let i = 0; i < 50; i += 1) {
    const answer = await world.decide(request)
    if (answer.treatments.length > 0) return answer
    // A later exposure is the last one: what "nothing" opened meanwhile is older.
    world.clock.stepTo(world.clock.now() + 1)
  }
  throw new Error('nothing was drawn fifty times')
}

describe('a decision', () => {
  test('comes with its words, is stored once, and replays', async () => {
    await world.identify('u1', { firstName: 'Uma', tier: 'gold' })
    const answer = await untilTreatment({ userId: 'u1', context: { page: 'start' } })
    expect(answer).toMatchObject({ degraded: false, repeated: false, outcome: 'treatment' })
    const [given] = answer.treatments
    if (given?.treatmentId !== 'help/in-app') {
      expect(given?.content?.html).toBe(`<p>Uma, ${given?.offer.name} at start</p>`)
      expect(given?.content?.subject).toBe(given?.offer.name)
    }
    await world.engine.drain()
    const stored = (await world.rows('decisions')).filter((row) => row.decision_id === answer.decisionId)
    expect(stored).toMatchObject([
      {
        customer_id: answer.customerId,
        trigger_kind: 'request',
        outcome: 'treatment',
        treatment_id: given?.treatmentId,
        variant_id: given?.variantId,
        propensity: given?.propensity,
      },
    ])
    expect((await world.call('POST', `/decisions/${answer.decisionId}/replay`)).body).toMatchObject({
      identical: true,
    })
    expect(await world.rows('assignments')).toMatchObject([
      { campaign_id: 'home', customer_id: answer.customerId, held_out: 0 },
    ])
  })

  test('for nobody who is known goes by the traits in the request', async () => {
    await applyLive(
      world,
      `${placementYaml.replace('trigger: {', 'audience: { trait: tier, op: eq, value: gold }\n    trigger: {')}`,
    )
    const gold = await untilTreatment({ traits: { tier: 'gold', firstName: 'Gil' } })
    expect(gold.outcome).toBe('treatment')
    expect(await world.decide({ traits: { tier: 'tin' } })).toMatchObject({
      decisionId: null,
      outcome: 'none-eligible',
      treatments: [],
    })
    // By an id nobody has heard of: the same customer each time.
    const first = await world.decide({ anonymousId: 'visitor', traits: { tier: 'gold' } })
    const second = await world.decide({ anonymousId: 'visitor', traits: { tier: 'gold' } })
    expect(first.customerId).toBe(second.customerId)
    await world.engine.drain()
    // Somebody without an id cannot be followed, and does not count in uplift.
    expect(new Set((await world.rows('assignments')).map((row) => row.customer_id))).toEqual(
      new Set([first.customerId]),
    )
    // Traits of a request are not kept.
    expect((await world.call('GET', `/customers/${first.customerId}`)).status).toBe(404)
  })

  test('asked for again with its key is the first one, before and after it is stored', async () => {
    await world.identify('u1', { firstName: 'Uma' })
    const keyed = { userId: 'u1', idempotencyKey: 'page-1', count: 3 }
    const first = await world.decide(keyed)
    const again = await world.decide(keyed)
    expect(again).toEqual({ ...first, repeated: true })
    await world.engine.drain()
    const other = await openAnotherDoor(world)
    try {
      const stored = await other(keyed)
      expect(stored).toEqual({ ...first, repeated: true })
    } finally {
      await other.close()
    }
    expect(
      (await world.rows('decisions')).filter((row) => row.trigger_id === 'home-banner:page-1'),
    ).toHaveLength(first.treatments.length === 3 ? 3 : first.treatments.length + 1)
  })

  test('refuses what contradicts itself', async () => {
    const faults = [
      [{ placement: 'home-banner' }, 'userId'],
      [{ placement: 'home-banner', customerId: 'c', userId: 'u' }, 'customerId'],
    ] as const
    for (const [body, field] of faults) {
      const answer = await world.call<Problem>('POST', '/decisions', body)
      expect([answer.status, answer.body.field]).toEqual([400, field])
    }
    expect((await world.call('POST', '/decisions', { userId: 'u' })).status).toBe(400)
    expect((await world.call('POST', '/decisions', { placement: 'x', userId: 'u', count: 11 })).status).toBe(
      400,
    )
    const noKey = await fetch(`${world.url}/api/v1/decisions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ placement: 'home-banner', userId: 'u' }),
    })
    expect(noKey.status).toBe(401)
  })

  test('says why, when asked', async () => {
    const { reasons } = await world.decide({ userId: 'u1', reasons: true, count: 2 })
    expect(reasons?.[0]).toMatchObject({ funnel: { candidates: 4, drawn: 4 }, verdict: expect.any(String) })
  })
})

describe('rules', () => {
  test('a "no" is obeyed by the very next decision, whatever a copy says', async () => {
    await world.identify('u1', { firstName: 'Uma' })
    await untilTreatment({ userId: 'u1' })
    const denied = await world.call('PUT', '/customers/u1/consents/in-app', { state: 'denied' })
    expect(denied.status).toBe(200)
    expect(await world.decide({ userId: 'u1', reasons: true })).toMatchObject({
      outcome: 'none-eligible',
      treatments: [],
      reasons: [{ excluded: expect.arrayContaining([expect.objectContaining({ by: 'consent' })]) }],
    })
  })

  test('a cap counts decisions that the worker has not stored yet, and gives back what was not shown', async () => {
    await applyOnly(world, placementYaml.replace('sendsMax: 40', 'sendsMax: 2'))
    await world.identify('u1', { firstName: 'Uma' })
    const first = await untilTreatment({ userId: 'u1' })
    await untilTreatment({ userId: 'u1' })
    expect(await world.decide({ userId: 'u1' })).toMatchObject({ outcome: 'none-eligible' })
    await world.engine.drain()
    expect(await world.decide({ userId: 'u1' })).toMatchObject({ outcome: 'none-eligible' })
    await world.tell(first.decisionId as string, { outcome: 'exposure' })
    await world.engine.drain()
    // A day later what was shown has left the window; what was not shown expired with it.
    world.clock.stepTo(world.clock.now() + 24 * 3_600_000 + 1)
    const other = await openAnotherDoor(world)
    try {
      expect(await other({ userId: 'u1' })).toMatchObject({
        outcome: expect.stringMatching(/treatment|nothing/),
      })
    } finally {
      await other.close()
    }
  })

  test('the kill switch stops placements as well, also one that has just decided', async () => {
    await world.identify('u1', { firstName: 'Uma' })
    await untilTreatment({ userId: 'u1' })
    expect((await world.call('PATCH', '/workspace', { killSwitch: true, actor: 'ann' })).status).toBe(200)
    expect(await world.decide({ userId: 'u1' })).toMatchObject({ outcome: 'none-eligible', treatments: [] })
  })

  test('who is held out gets nothing, and the row says so', async () => {
    await applyLive(world, placementYaml.replace('holdout: 0\n', 'holdout: 1\n'))
    await world.identify('u1', { firstName: 'Uma' })
    expect(await world.decide({ userId: 'u1' })).toMatchObject({ outcome: 'held-out', treatments: [] })
    await world.engine.drain()
    expect(await world.rows('assignments')).toMatchObject([{ campaign_id: 'home', held_out: 1 }])
    // What happens without us is learned from it.
    expect(await world.rows('exposures')).toMatchObject([
      { head: 'nothing', state: 'open', goal_id: 'order' },
    ])
  })

  test('what a definition may not say is refused', async () => {
    for (const [from, to, field] of [
      ['default: help/in-app', 'default: none/in-app', 'campaigns[0].trigger.default'],
      ['holdout: 0', 'budget: 5', 'campaigns[0].budget'],
    ] as const) {
      const answer = await world.call<Problem>('POST', '/workspace-file', {
        yaml: placementYaml.replace(from, to),
      })
      expect(answer.status).toBe(422)
      expect(answer.body.faults?.map((fault) => fault.field)).toEqual([field])
    }
  })

  test('a workspace sees its own only', async () => {
    await firstStart(world.engine.parts.store, {
      workspace: 'other',
      adminKey: 'other-admin',
      sendMode: 'outbox',
      zone: 'UTC',
      reportingCurrency: 'EUR',
      now: world.clock.now(),
    })
    const answer = await untilTreatment({ userId: 'u1' })
    await world.engine.drain()
    const asOther = async (path: string, body: object) => {
      const response = await fetch(`${world.url}/api/v1${path}`, {
        method: 'POST',
        headers: { authorization: 'Bearer other-admin', 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      return { status: response.status, body: await response.json() }
    }
    expect(await asOther('/decisions', { placement: 'home-banner', userId: 'u1' })).toMatchObject({
      status: 200,
      body: { decisionId: null, treatments: [] },
    })
    expect((await asOther(`/decisions/${answer.decisionId}/outcomes`, { outcome: 'click' })).status).toBe(404)
  })
})

describe('ranks', () => {
  test('are drawn without replacement; what each rank had left adds up to 1', async () => {
    for (let i = 0; i < 20; i += 1) {
      const answer = await world.decide({ userId: `u${i}`, count: 4, reasons: true })
      const ids = answer.treatments.map(({ treatmentId }) => treatmentId)
      expect(new Set(ids).size).toBe(ids.length)
      for (const [index, reason] of (answer.reasons ?? []).entries()) {
        const total = reason.nothing.probability + reason.drawn.reduce((sum, own) => sum + own.probability, 0)
        expect(total).toBeCloseTo(1, 12)
        expect(reason.drawn).toHaveLength(4 - index)
        const given = answer.treatments[index]
        const chosen = reason.drawn.find(({ isChosen }) => isChosen)
        if (given === undefined) continue
        const variant = chosen?.variants.find(({ isChosen }) => isChosen)?.probability ?? 0
        expect(given.propensity).toBeCloseTo((chosen?.probability ?? 0) * variant, 12)
        expect(reason.excluded.map(({ treatmentId }) => treatmentId)).toEqual(
          expect.arrayContaining(ids.slice(0, index)),
        )
      }
    }
    await world.engine.drain()
    for (const row of await world.rows('decisions')) {
      const replayed = await world.call('POST', `/decisions/${row.decision_id}/replay`)
      expect(replayed.body).toMatchObject({ identical: true })
    }
  })

  test('a batch is answered in order, and a later request sees what an earlier one took', async () => {
    await applyOnly(world, placementYaml.replace('sendsMax: 40', 'sendsMax: 1'))
    const requests = [
      ...Array.from({ length: 30 }, () => ({ placement: 'home-banner', userId: 'same' })),
      { placement: 'home-banner', userId: 'else' },
      { placement: 'nowhere', userId: 'else' },
    ]
    const { body, status } = await world.call<{ answers: PlacementAnswer[] }>('POST', '/decisions/batch', {
      timeoutMs: 10_000,
      requests,
    })
    expect(status).toBe(200)
    expect(body.answers).toHaveLength(32)
    const given = body.answers.slice(0, 30).map(({ treatments }) => treatments.length)
    expect(given.reduce((sum, own) => sum + own, 0)).toBe(1)
    expect(body.answers[31]).toMatchObject({ decisionId: null, outcome: 'none-eligible' })
    await world.engine.drain()
    expect(await world.rows('decision_ranks')).toHaveLength(
      body.answers.reduce((sum, { treatments }) => sum + treatments.length, 0),
    )
    const tooMany = Array.from({ length: 101 }, () => requests[0])
    expect(
      (
        await world.call('POST', '/decisions/batch', {
          timeoutMs: 10_000,
          requests: tooMany,
        })
      ).status,
    ).toBe(400)
  })
})

describe('outcomes', () => {
  test('shown opens the window, a reward is credited to this decision, told twice it counts once', async () => {
    await world.identify('u1', { firstName: 'Uma' })
    const answer = await untilTreatment({ userId: 'u1' })
    const id = answer.decisionId as string
    for (let i = 0; i < 2; i += 1) {
      await world.tell(id, { outcome: 'exposure' })
      await world.tell(id, { outcome: 'click', outcomeId: 'click-1' })
      await world.tell(id, { outcome: 'reward', value: 30, outcomeId: 'order-1' })
    }
    await world.engine.drain()
    world.clock.stepTo(world.clock.now() + 25 * 3_600_000)
    await world.engine.drain()
    const head = answer.treatments[0]?.treatmentId
    expect(await world.rows('exposures')).toMatchObject(
      expect.arrayContaining([expect.objectContaining({ decision_id: id, head, state: 'credited' })]),
    )
    expect(await world.rows('rewards')).toMatchObject([{ decision_id: id, head, kind: 'reward', y: 1 }])
    const outcomes = (await world.rows('outcomes')).map(({ kind, value_micros }) => [kind, value_micros])
    expect(outcomes.toSorted()).toEqual([
      ['click', 0],
      ['reward', 30_000_000],
    ])
    const customer = await world.call<{ profile: { counts: Record<string, { total: number }> } }>(
      'GET',
      '/customers/u1',
    )
    expect(customer.body.profile.counts['Message Clicked']?.total).toBe(1)
    expect((await world.call('GET', '/verify')).body).toMatchObject({ differencesCount: 0 })
  })

  test('a reward after the window has closed corrects what was learned', async () => {
    const answer = await untilTreatment({ userId: 'u1' })
    const id = answer.decisionId as string
    const shownAt = world.clock.now()
    await world.tell(id, { outcome: 'exposure' })
    await world.engine.drain()
    world.clock.stepTo(shownAt + 26 * 3_600_000)
    await world.engine.drain()
    expect(await world.rows('rewards')).toMatchObject(
      expect.arrayContaining([expect.objectContaining({ decision_id: id, kind: 'reward', y: 0 })]),
    )
    await world.tell(id, { outcome: 'reward', value: 1, occurredAt: shownAt + 3_600_000 })
    await world.engine.drain()
    expect((await world.rows('rewards')).filter((row) => row.decision_id === id)).toMatchObject([
      { kind: 'reward', y: 0 },
      { kind: 'correction', y: 1 },
    ])
  })

  test('the goal’s event credits what was shown at a placement as well', async () => {
    const answer = await untilTreatment({ userId: 'u1' })
    await world.tell(answer.decisionId as string, { outcome: 'exposure' })
    await world.track('u1', 'Order Completed', { revenue: 12, currency: 'EUR' })
    world.clock.stepTo(world.clock.now() + 25 * 3_600_000)
    await world.engine.drain()
    expect(await world.rows('rewards')).toMatchObject(
      expect.arrayContaining([expect.objectContaining({ decision_id: answer.decisionId, y: 1 })]),
    )
    expect((await world.rows('outcomes')).map(({ kind }) => kind)).toContain('conversion')
  })

  test('advice is accepted or declined with a reason; declined, it teaches nothing', async () => {
    const taken = await untilTreatment({ userId: 'u1' })
    const refused = await untilTreatment({ userId: 'u2' })
    await world.tell(taken.decisionId as string, { outcome: 'accepted', reason: 'fits', operator: 'olga' })
    await world.tell(refused.decisionId as string, { outcome: 'declined', reason: 'just bought it' })
    await world.engine.drain()
    const ranks = await world.rows('decision_ranks')
    const rankOf = (answer: PlacementAnswer) => ranks.find((row) => row.decision_id === answer.decisionId)
    expect(rankOf(taken)).toMatchObject({
      response: 'accepted',
      response_reason: 'fits',
      response_by: 'olga',
      exposed_at: expect.any(Number),
    })
    expect(rankOf(refused)).toMatchObject({
      response: 'declined',
      response_reason: 'just bought it',
      exposed_at: null,
    })
    const heads = (await world.rows('exposures')).map((row) => row.decision_id)
    expect(heads).toContain(taken.decisionId)
    expect(heads).not.toContain(refused.decisionId)
  })

  test('of a decision that nobody made is refused, and set aside where its customer was named', async () => {
    expect((await world.call('POST', '/decisions/none/outcomes', { outcome: 'click' })).status).toBe(404)
    await world.tell('none', { outcome: 'click', customerId: 'c1' })
    await world.engine.drain()
    expect(await world.rows('outcomes')).toEqual([])
    const rejected = await world.call<{ items: { code: string }[] }>('GET', '/rejected-events')
    expect(rejected.body.items).toMatchObject([{ code: 'not_applied' }])
    const later = world.clock.now() + 3_600_000
    expect(
      (await world.call('POST', '/decisions/none/outcomes', { outcome: 'click', occurredAt: later })).status,
    ).toBe(400)
  })
})

/** A server of its own over the same store: it remembers nothing that the first one answered. */
async function openAnotherDoor(own: PlacementWorld) {
  const door = await own.anotherDoor()
  const decide = async (request: object): Promise<PlacementAnswer> => {
    const answer = await door.call<PlacementAnswer>('POST', '/decisions', {
      placement: 'home-banner',
      timeoutMs: 10_000,
      ...request,
    })
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body))
    return answer.body
  }
  return Object.assign(decide, { close: door.close })
}
