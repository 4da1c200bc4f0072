import type {
  Campaign,
  CampaignSpec,
  ChannelName,
  Experiment,
  Goal,
  TreatmentSpec,
} from '#contracts/campaign.ts'
import { microsOf } from '#contracts/money.ts'
import { checkCadence, resolveSteps, touchesOf } from './cadence-definition.ts'
import { checkCondition, checkQuietHours, duplicates } from './check-definitions.ts'
import type { DefinitionFault } from './definition-fault.ts'
import type { Definitions } from './definitions.ts'

export type Resolved = { spec: CampaignSpec } | { faults: DefinitionFault[] }

/**
 * A campaign with everything it refers to. `field` is where it stands (`campaigns[0]`), `channels` are the
 * ones that this build can send through.
 */
export function resolveCampaign(
  campaign: Campaign,
  field: string,
  definitions: Definitions,
  channels: readonly ChannelName[],
): Resolved {
  const faults: DefinitionFault[] = []
  const fault = (at: string, detail: string): undefined => {
    faults.push({ field: `${field}.${at}`, detail })
  }
  const goalAt = (id: string, at: string): Goal | undefined =>
    definitions.goal.get(id) ?? fault(at, `there is no goal ${id}`)
  const goal = goalAt(campaign.goal, 'goal')
  const alsoMeasure = campaign.alsoMeasure.map((id, i) => goalAt(id, `alsoMeasure[${i}]`))
  const within = 'placement' in campaign.trigger ? shownChannels : channels
  const treatments = treatmentListsOf(campaign).flatMap(({ at, prefix, list }) =>
    list.map((_, i) => resolveTreatment({ at, prefix, list }, i, definitions, within, fault)),
  )
  const policy = resolvePolicy(campaign, definitions, fault)
  checkPlacement(campaign, fault)
  checkBroadcast(campaign, fault)
  checkFairness(campaign, fault)
  checkTopic(campaign, definitions, fault)
  faults.push(...checkCadence(campaign, field, definitions))
  faults.push(...checkConditions(campaign, field, definitions))
  faults.push(...checkQuietHours(campaign.quietHours, `${field}.quietHours`))
  if (campaign.sendTime !== undefined && campaign.sendTime.withinHours > campaign.expiresAfterHours) {
    fault('sendTime.withinHours', `messages lapse after ${campaign.expiresAfterHours} hours already`)
  }
  if (faults.length > 0 || goal === undefined || policy === undefined) return { faults }
  return {
    spec: {
      campaignId: campaign.id,
      name: campaign.name,
      goal,
      alsoMeasure: alsoMeasure.filter((each) => each !== undefined),
      ...(campaign.topic === undefined ? {} : { topic: campaign.topic }),
      trigger: campaign.trigger,
      ...(campaign.audience === undefined ? {} : { audience: campaign.audience }),
      treatments: treatments.filter((each) => each !== undefined),
      ...(campaign.steps === undefined ? {} : { cadence: resolveSteps(campaign, campaign.steps) }),
      policy,
      holdout: campaign.holdout,
      frequencyCaps: campaign.frequencyCaps,
      ...(campaign.quietHours === undefined ? {} : { quietHours: campaign.quietHours }),
      ...(campaign.fatigue === undefined ? {} : { fatigue: campaign.fatigue }),
      ...(campaign.priority === undefined ? {} : { priority: campaign.priority }),
      ...(campaign.budget === undefined ? {} : { budgetMicros: microsOf(campaign.budget) }),
      expiresAfterMs: Math.round(campaign.expiresAfterHours * 3_600_000),
      ...(campaign.sendTime === undefined ? {} : { sendTime: campaign.sendTime }),
      ...(campaign.utm === undefined ? {} : { utm: campaign.utm }),
      features: campaign.features,
      ...(campaign.fairness === undefined ? {} : { fairness: campaign.fairness }),
    },
  }
}

/** How a placement reaches a customer: it is where the customer is. */
const shownChannels: readonly ChannelName[] = ['in-app']

function checkPlacement({ trigger, treatments, budget, sendTime }: Campaign, fault: NoteFault): void {
  if (!('placement' in trigger)) return
  const own = treatments.map(treatmentIdOf)
  if (trigger.default !== undefined && !own.includes(trigger.default))
    fault(
      'trigger.default',
      `${trigger.default} is no treatment of this campaign; there is ${own.join(', ')}`,
    )
  if (budget !== undefined)
    fault('budget', 'a placement sends nothing that could be paid for: leave the budget out')
  if (sendTime !== undefined) fault('sendTime', 'a placement is asked for now: leave the hour out')
}

function checkBroadcast({ trigger }: Campaign, fault: NoteFault): void {
  if (!('broadcast' in trigger)) return
  const { startAt, pace, atLocal } = trigger.broadcast
  const until = pace !== undefined && 'until' in pace ? pace.until : undefined
  if (until === undefined) return
  const at = 'trigger.broadcast.pace.until'
  if (atLocal !== undefined) fault(at, 'everybody has their own hour: there is nothing to spread')
  else if (startAt !== undefined && Date.parse(until) <= Date.parse(startAt))
    fault(at, 'must be later than startAt')
}

/** What is watched over must not be what is chosen by. */
function checkFairness({ fairness, features, sendTime }: Campaign, fault: NoteFault): void {
  fairness?.attributes.forEach((attribute, i) => {
    const at = `fairness.attributes[${i}]`
    if (features.includes(attribute))
      fault(at, `${attribute} is among the features: the policy chooses by it`)
    if (sendTime?.cohort === attribute)
      fault(at, `${attribute} is the cohort of sendTime: the hour is chosen by it`)
  })
}

function checkTopic({ topic, treatments }: Campaign, definitions: Definitions, fault: NoteFault): void {
  if (topic === undefined) return
  const group = definitions['subscription-group'].get(topic)
  if (group === undefined) {
    fault('topic', `there is no subscription group ${topic}`)
    return
  }
  for (const channel of new Set(treatments.map((treatment) => treatment.channel))) {
    if (!group.channels.includes(channel))
      fault('topic', `nobody can subscribe to ${topic} in ${channel}: add it to the group's channels`)
  }
}

/** A list of treatments: where it stands, and what the ids of its treatments begin with. */
interface TreatmentList {
  at: string
  prefix: string
  list: Campaign['treatments']
}

function treatmentListsOf({ steps, treatments }: Campaign): TreatmentList[] {
  const own = { at: 'treatments', prefix: '', list: treatments }
  if (steps === undefined) return [own]
  const touches = touchesOf(steps, 'steps')
  return [
    own,
    ...touches.map(({ at, step }) => ({
      at: `${at}.touch.treatments`,
      prefix: `${step.id}/`,
      list: step.touch.treatments,
    })),
  ]
}

/** Notes a fault of the campaign and stands for what is missing. */
type NoteFault = (at: string, detail: string) => undefined

function resolveTreatment(
  { at: listAt, prefix, list }: TreatmentList,
  index: number,
  definitions: Definitions,
  channels: readonly ChannelName[],
  fault: NoteFault,
): TreatmentSpec | undefined {
  const at = `${listAt}[${index}]`
  const treatment = list[index] as Campaign['treatments'][number]
  const { channel, cost, lever } = treatment
  const treatmentId = treatmentIdOf(treatment)
  const first = list.findIndex((other) => treatmentIdOf(other) === treatmentId)
  if (first < index) fault(at, `${treatmentId} stands in ${listAt}[${first}] already: add its variants there`)
  if (!channels.includes(channel))
    fault(`${at}.channel`, `${channel} is not supported; there is ${channels.join(', ')}`)
  const offer =
    definitions.offer.get(treatment.offer) ?? fault(`${at}.offer`, `there is no offer ${treatment.offer}`)
  for (const { field, detail } of duplicates(`${at}.variants`, treatment.variants)) fault(field, detail)
  const variants = treatment.variants.flatMap(({ id, template: templateId, weight }, i) => {
    const template = definitions.template.get(templateId)
    if (template?.channel === channel) return [{ variantId: id, weight, template }]
    const detail =
      template === undefined
        ? `there is no template ${templateId}`
        : `${templateId} is for ${template.channel}, not ${channel}`
    fault(`${at}.variants[${i}].template`, detail)
    return []
  })
  if (offer === undefined) return undefined
  return {
    treatmentId: prefix + treatmentId,
    offer,
    channel,
    costMicros: microsOf(cost),
    valueMicros: microsOf(offer.value),
    lever,
    variants,
  }
}

function resolvePolicy(
  campaign: Campaign,
  definitions: Definitions,
  fault: NoteFault,
): CampaignSpec['policy'] | undefined {
  if (campaign.policy.kind === 'inverse-gap') return campaign.policy
  const id = campaign.policy.experiment
  const experiment = definitions.experiment.get(id)
  if (experiment === undefined) return fault('policy.experiment', `there is no experiment ${id}`)
  for (const { arm, treatment } of strangers(experiment, campaign)) {
    fault(
      'policy.experiment',
      `arm ${arm} of ${id} names ${treatment}, which is no treatment of this campaign`,
    )
  }
  const { shipped } = campaign.policy
  if (shipped === undefined) return { kind: 'fixed-split', experiment }
  if (experiment.arms.find((arm) => arm.id === shipped)?.treatment === undefined)
    return fault('policy.shipped', `${id} has no arm ${shipped} with a treatment`)
  return { kind: 'fixed-split', experiment, shipped }
}

/** Arms whose treatment the campaign does not have. */
function strangers({ arms }: Experiment, campaign: Campaign): { arm: string; treatment: string }[] {
  const own = new Set(campaign.treatments.map(treatmentIdOf))
  return arms.flatMap(({ id, treatment }) =>
    treatment === undefined || own.has(treatment) ? [] : [{ arm: id, treatment }],
  )
}

function checkConditions(
  { trigger, audience }: Campaign,
  field: string,
  definitions: Definitions,
): DefinitionFault[] {
  const faults = checkCondition(audience, `${field}.audience`, definitions, 'without-event')
  if ('where' in trigger)
    faults.push(...checkCondition(trigger.where, `${field}.trigger.where`, definitions, 'with-event'))
  if ('absence' in trigger) {
    const { event, after, where, afterWhere } = trigger.absence
    if (event === after)
      faults.push({
        field: `${field}.trigger.absence.event`,
        detail: `${event} cannot be absent after itself: name another event`,
      })
    faults.push(
      ...checkCondition(where, `${field}.trigger.absence.where`, definitions, 'with-event'),
      ...checkCondition(afterWhere, `${field}.trigger.absence.afterWhere`, definitions, 'with-event'),
    )
  }
  if ('segmentEntered' in trigger && !definitions.segment.has(trigger.segmentEntered)) {
    faults.push({
      field: `${field}.trigger.segmentEntered`,
      detail: `there is no segment ${trigger.segmentEntered}`,
    })
  }
  return faults
}

function treatmentIdOf({ offer, channel }: { offer: string; channel: ChannelName }): string {
  return `${offer}/${channel}`
}
