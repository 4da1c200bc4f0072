import type {
  ChannelName,
  Experiment,
  Goal,
  Offer,
  QuietHours,
  Segment,
  SubscriptionGroup,
  WorkspaceFile,
} from '#contracts/campaign.ts'
import type { Condition } from '#contracts/condition.ts'
import type { DefinitionFault } from './definition-fault.ts'
import { type Definitions, documentLists, type ListedKind } from './definitions.ts'
import { namedInCondition } from './named-in-condition.ts'

/** Shares are decimal fractions: three thirds as people write them may miss 1 by rounding only. */
const shareTolerance = 1e-9

/** What the file's own definitions say wrong, apart from campaigns: those are checked as they are resolved. */
export function checkDefinitions(
  file: WorkspaceFile,
  definitions: Definitions,
  reportingCurrency: string,
): DefinitionFault[] {
  return [
    ...(Object.keys(documentLists) as ListedKind[]).flatMap((kind) =>
      duplicates(documentLists[kind], file[documentLists[kind]]),
    ),
    ...file.goals.flatMap((goal, i) => checkGoal(goal, `goals[${i}]`, definitions, reportingCurrency)),
    ...file.offers.flatMap((offer, i) => checkOffer(offer, `offers[${i}]`)),
    ...file.segments.flatMap((segment, i) => checkSegment(segment, `segments[${i}]`, definitions)),
    ...file.experiments.flatMap((experiment, i) => [
      ...checkExperiment(experiment, `experiments[${i}]`),
      ...checkGroup(experiment, `experiments[${i}].group`, definitions),
    ]),
    ...file.subscriptionGroups.flatMap((group, i) =>
      checkSubscriptionGroup(group, `subscriptionGroups[${i}]`, definitions),
    ),
    ...checkQuietHours(file.guardrails?.quietHours, 'guardrails.quietHours'),
  ]
}

/** `properties`: whether the condition may look at the triggering event. */
export function checkCondition(
  condition: Condition | undefined,
  field: string,
  definitions: Definitions,
  properties: 'with-event' | 'without-event',
): DefinitionFault[] {
  if (condition === undefined) return []
  const named = namedInCondition(condition)
  const unknown = named.segments.filter(({ id }) => !definitions.segment.has(id))
  const misplaced = properties === 'without-event' ? named.properties : []
  return [
    ...unknown.map(({ path, id }) => ({ field: field + path, detail: `there is no segment ${id}` })),
    ...misplaced.map(({ path }) => ({
      field: field + path,
      detail: 'properties belong to an event: only `where` of a trigger or a goal may look at them',
    })),
  ]
}

function checkSubscriptionGroup(
  { channels, kind, doubleOptIn = {} }: SubscriptionGroup,
  field: string,
  definitions: Definitions,
): DefinitionFault[] {
  if (kind === 'opt-out' && Object.keys(doubleOptIn).length > 0) {
    const detail = 'an opt-out group asks for no yes that could be confirmed'
    return [{ field: `${field}.doubleOptIn`, detail }]
  }
  const templates = Object.entries(doubleOptIn) as [ChannelName, string][]
  return templates.flatMap(([channel, id]) => {
    const at = `${field}.doubleOptIn.${channel}`
    if (!channels.includes(channel)) return [{ field: at, detail: `the group has no channel ${channel}` }]
    const template = definitions.template.get(id)
    if (template === undefined) return [{ field: at, detail: `there is no template ${id}` }]
    if (template.channel !== channel)
      return [{ field: at, detail: `${id} is for ${template.channel}, not ${channel}` }]
    if (template.kind !== 'transactional')
      return [{ field: at, detail: `${id} is no transactional template: say \`kind: transactional\`` }]
    if (!/links\.confirm/.test(template.html + template.text + (template.url ?? '')))
      return [{ field: at, detail: `${id} does not hold the link to confirm: {{links.confirm}}` }]
    return []
  })
}

export function checkQuietHours(quiet: QuietHours | undefined, field: string): DefinitionFault[] {
  if (quiet === undefined || quiet.from !== quiet.until) return []
  return [{ field, detail: `from and until are both ${quiet.from}: leave quiet hours out to have none` }]
}

/** One fault per id that stands there twice. */
export function duplicates(list: string, items: readonly { id: string }[]): DefinitionFault[] {
  const seen = new Map<string, number>()
  return items.flatMap(({ id }, i) => {
    const first = seen.get(id)
    if (first !== undefined)
      return [{ field: `${list}[${i}].id`, detail: `${id} stands in ${list}[${first}] already` }]
    seen.set(id, i)
    return []
  })
}

function checkGoal(
  goal: Goal,
  field: string,
  definitions: Definitions,
  reportingCurrency: string,
): DefinitionFault[] {
  const faults = checkCondition(goal.where, `${field}.where`, definitions, 'with-event')
  const currency = goal.value !== undefined && 'currency' in goal.value ? goal.value.currency : undefined
  const known = [reportingCurrency, ...definitions.currencyRates.map((rate) => rate.currency.toUpperCase())]
  if (currency !== undefined && !known.includes(currency.toUpperCase())) {
    faults.push({
      field: `${field}.value.currency`,
      detail: `no rate turns ${currency} into ${reportingCurrency}: add one to currencyRates`,
    })
  }
  return faults
}

function checkOffer(offer: Offer, field: string): DefinitionFault[] {
  if (offer.validFrom === undefined || offer.validUntil === undefined) return []
  if (Date.parse(offer.validFrom) < Date.parse(offer.validUntil)) return []
  return [{ field: `${field}.validUntil`, detail: 'must be later than validFrom' }]
}

function checkSegment(segment: Segment, field: string, definitions: Definitions): DefinitionFault[] {
  const faults = checkCondition(segment.condition, `${field}.condition`, definitions, 'without-event')
  const cycle = cycleFrom(segment.id, definitions)
  if (cycle !== null)
    faults.push({ field: `${field}.condition`, detail: `it refers to itself: ${cycle.join(' → ')}` })
  return faults
}

/** A way from a segment through the ones it refers to back to itself. */
function cycleFrom(start: string, definitions: Definitions): string[] | null {
  const done = new Set<string>()
  const visit = (id: string, way: string[]): string[] | null => {
    const condition = definitions.segment.get(id)?.condition
    if (condition === undefined || done.has(id)) return null
    done.add(id)
    for (const { id: next } of namedInCondition(condition).segments) {
      if (next === start) return [...way, next]
      const found = visit(next, [...way, next])
      if (found !== null) return found
    }
    return null
  }
  return visit(start, [start])
}

function checkExperiment({ arms }: Experiment, field: string): DefinitionFault[] {
  const faults = duplicates(`${field}.arms`, arms)
  const sum = arms.reduce((total, { share }) => total + share, 0)
  if (Math.abs(sum - 1) > shareTolerance) {
    faults.push({
      field: `${field}.arms`,
      detail: `the shares add up to ${Number(sum.toPrecision(12))} instead of 1`,
    })
  }
  const controls = arms.filter(({ control }) => control).length
  if (controls !== 1)
    faults.push({ field: `${field}.arms`, detail: `${controls} arms are the control; exactly one must be` })
  arms.forEach(({ control, treatment }, i) => {
    if (control || treatment !== undefined) return
    faults.push({
      field: `${field}.arms[${i}].treatment`,
      detail: 'an arm that is not the control names a treatment (offer/channel)',
    })
  })
  return faults
}

/** Slots that two experiments of a group both take would put a customer into both. */
function checkGroup({ id, group }: Experiment, field: string, definitions: Definitions): DefinitionFault[] {
  if (group === undefined) return []
  if (group.from >= group.until)
    return [{ field, detail: `from ${group.from} until ${group.until} holds no slot` }]
  return [...definitions.experiment.values()].flatMap((other) => {
    if (other.id === id || other.group?.id !== group.id) return []
    if (other.group.from >= group.until || other.group.until <= group.from) return []
    const { from, until } = other.group
    return [{ field, detail: `${other.id} has slots ${from} to ${until} of ${group.id} already` }]
  })
}
