import { z } from 'zod'
import { type CadenceSpec, exitSchema, insideRuleSchema, reentrySchema, stepsSchema } from './cadence.ts'
import { conditionSchema } from './condition.ts'
import { itemIdSchema } from './item.ts'
import { localeSchema } from './locale.ts'
import {
  amountSchema,
  type ChannelName,
  channelSchema,
  idSchema,
  localTimeSchema,
  treatmentSchema,
} from './treatment.ts'
import { type Trigger, triggerSchema } from './trigger.ts'

const amount = amountSchema
const localTime = localTimeSchema
const share = z.number().min(0).max(1)

export { type ChannelName, idSchema } from './treatment.ts'
export type { Trigger } from './trigger.ts'

/** A conversion that counts: an event, perhaps with a value, within a window. */
export const goalSchema = z.strictObject({
  id: idSchema,
  event: z.string().min(1),
  where: conditionSchema.exactOptional(),
  /** Where the conversion's value comes from; without it a conversion has no value. */
  value: z
    .union([
      z.strictObject({ property: z.string().min(1), currency: z.string().length(3).exactOptional() }),
      z.strictObject({ amount }),
    ])
    .exactOptional(),
  windowHours: z
    .number()
    .positive()
    .max(24 * 400),
  /**
   * `account`: what a customer does counts for their account, once: for the one of it who entered the campaign
   * first. All of an account are in one arm, and none is written to once one of them has met it.
   */
  per: z.literal('account').exactOptional(),
})
export type Goal = z.infer<typeof goalSchema>

/** What we may propose. */
export const offerSchema = z.strictObject({
  id: idSchema,
  name: z.string().min(1),
  /** Worth of one conversion to us, for the score. Default: 1 unit. */
  value: amount.default(1),
  validFrom: z.iso.datetime().exactOptional(),
  validUntil: z.iso.datetime().exactOptional(),
  /** False: withdrawn; nothing with it is decided or sent. */
  available: z.boolean().default(true),
  /**
   * The item of the catalogue that it is about: by its id, by a property of the triggering event, or any of a
   * category.
   */
  item: z
    .union([
      z.strictObject({ id: itemIdSchema }),
      z.strictObject({ property: z.string().min(1) }),
      z.strictObject({ category: z.string().min(1).max(128) }),
    ])
    .exactOptional(),
  /** Each message of it holds a code of this pool: `coupon.code`, `coupon.expiresAt`. */
  couponPool: idSchema.exactOptional(),
  /** Facts the templates may name as `offer.…`. */
  facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  /** What it is called elsewhere, and facts that differ there. */
  locales: z
    .record(
      localeSchema,
      z.strictObject({
        name: z.string().min(1).exactOptional(),
        facts: z.record(z.string(), z.union([z.string().min(1), z.number(), z.boolean()])).exactOptional(),
      }),
    )
    .exactOptional(),
})
export type Offer = z.infer<typeof offerSchema>

/** Lists of items that a template may run over as `items.…`: what the customer did lately, what may follow. */
export const itemListSchema = z.enum(['viewed', 'cart', 'bought', 'recommended'])
export type ItemList = z.infer<typeof itemListSchema>
export const blockItemsMax = 12

/** How many items a list must have, and how many of it are shown. */
export const blockSchema = z
  .strictObject({
    /** Who has fewer does not get the message; 0: the block may be empty. */
    min: z.int().min(0).max(blockItemsMax).default(1),
    max: z.int().min(1).max(blockItemsMax).default(4),
  })
  .refine(({ min, max }) => min <= max, 'min must not be above max')
export type Block = z.infer<typeof blockSchema>

/** One creative, in Handlebars. */
export const templateSchema = z.strictObject({
  id: idSchema,
  channel: channelSchema,
  /** `transactional`: may be sent by the API, past the rules that bind marketing. Default `marketing`. */
  kind: z.enum(['marketing', 'transactional']).exactOptional(),
  subject: z.string().max(998).default(''),
  html: z.string().max(262_144).default(''),
  text: z.string().max(262_144).default(''),
  /** Where a tap on a push or an in-app message leads. */
  url: z.string().max(2048).exactOptional(),
  /** What an app or another system reads of it; its strings are templates too. */
  data: z.record(z.string(), z.json()).exactOptional(),
  from: z.string().exactOptional(),
  /** What it is made of (`short`, `question`, `playful`): what one variant teaches of these, others inherit. */
  tags: z.array(idSchema).max(8).exactOptional(),
  /** What its own words are in. Default: the workspace's locale. */
  locale: localeSchema.exactOptional(),
  /** The same in other words: `pt-BR` falls back to `pt`, that to the workspace's locale. */
  locales: z
    .record(
      localeSchema,
      z.strictObject({
        subject: z.string().max(998).exactOptional(),
        html: z.string().max(262_144).exactOptional(),
        text: z.string().max(262_144).exactOptional(),
        url: z.string().max(2048).exactOptional(),
        data: z.record(z.string(), z.json()).exactOptional(),
        from: z.string().exactOptional(),
      }),
    )
    .exactOptional(),
  /** Of the lists of items that it runs over; default: at least one, at most four. */
  blocks: z.partialRecord(itemListSchema, blockSchema).exactOptional(),
  /** Fallbacks by path (`customer.firstName`): used when the variable has no value. */
  defaults: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
})
export type Template = z.infer<typeof templateSchema>

export const segmentSchema = z.strictObject({
  id: idSchema,
  name: z.string().min(1),
  condition: conditionSchema,
})
export type Segment = z.infer<typeof segmentSchema>

/** At most `sendsMax` sends in any sliding window, or per local calendar day of the customer. */
export const frequencyCapSchema = z.strictObject({
  sendsMax: z
    .number()
    .int()
    .min(1, 'a cap of 0 would stop everything: pause the campaign instead')
    .max(10_000),
  window: z.union([
    z.strictObject({
      hours: z
        .number()
        .positive()
        .max(24 * 366),
    }),
    z.strictObject({ localDays: z.number().int().min(1).max(366) }),
  ]),
  /** Only sends in this channel count; default all. */
  channel: channelSchema.exactOptional(),
  /** `account`: sends to all customers of an account together; who belongs to none has no such cap. */
  per: z.literal('account').exactOptional(),
})
export type FrequencyCap = z.infer<typeof frequencyCapSchema>

/** Who takes the last slot when messages of several campaigns compete for it: the higher class. */
export const prioritySchema = z.enum(['low', 'normal', 'high'])
export type Priority = z.infer<typeof prioritySchema>
export const priorityRanks: Readonly<Record<Priority, number>> = { low: 0, normal: 1, high: 2 }

/** The least time between two sends to a customer. */
export const leastGapSchema = z.strictObject({
  minutes: z
    .number()
    .positive()
    .max(31 * 1440),
  /** Only sends in this channel count; default all. */
  channel: channelSchema.exactOptional(),
})
export type LeastGap = z.infer<typeof leastGapSchema>

export const quietHoursSchema = z.strictObject({
  /** Customer's local time. `from` after `until` spans midnight. */
  from: localTime,
  until: localTime,
  /** Default: all channels. */
  channels: z.array(channelSchema).exactOptional(),
})
export type QuietHours = z.infer<typeof quietHoursSchema>

/** Whoever was contacted lately is less likely to respond: taken off in the score, where a cap would refuse. */
export const fatigueSchema = z.strictObject({
  /** Response probability that a contact of this moment takes away. */
  perSend: share,
  /** After so long a contact takes away half as much. */
  halfLifeDays: z.number().min(0.01).max(90).default(15),
  /** Most that all contacts together take away. */
  max: share.default(1),
  /** What a contact in another channel takes away, as a share of one in the candidate's own. */
  otherChannels: share.default(0.5),
})
export type Fatigue = z.infer<typeof fatigueSchema>

const domainSchema = z.string().regex(/^([a-z0-9-]+\.)+[a-z0-9-]+$/, 'a domain in lower case')

/** A sender that mail providers do not know yet sends little at first. */
export const warmUpSchema = z.strictObject({
  /** Domain of the sender's address. */
  sender: domainSchema,
  /** First day, UTC. */
  startsOn: z.iso.date(),
  /** Most sends of each day, from the first on, to each mail domain. After the last day there is no limit. */
  dailySends: z.array(z.number().int().min(1)).min(1).max(366),
  /** Only to these mail domains, all others together count as one: default each by itself. */
  domains: z.array(domainSchema).max(100).exactOptional(),
})
export type WarmUp = z.infer<typeof warmUpSchema>

export const deliverabilitySchema = z.strictObject({
  /** A live campaign pauses by itself at this share of hard bounces. */
  bounceShareMax: share.default(0.02),
  /** And at this share of complaints. */
  complaintShareMax: share.default(0.001),
  /** Of sends within so long, or since the campaign was launched. */
  windowHours: z
    .number()
    .positive()
    .max(24 * 30)
    .default(24),
  /** Of fewer sends no share is taken. */
  sendsMin: z.number().int().min(1).default(200),
  warmUps: z.array(warmUpSchema).max(100).default([]),
})
export type Deliverability = z.infer<typeof deliverabilitySchema>

/** What binds every campaign of the workspace. */
export const guardrailSettingsSchema = z.strictObject({
  frequencyCaps: z.array(frequencyCapSchema).max(32).default([]),
  leastGaps: z.array(leastGapSchema).max(8).exactOptional(),
  quietHours: quietHoursSchema.exactOptional(),
  /** Default: none, caps protect. */
  fatigue: fatigueSchema.exactOptional(),
  /** Share of customers held out of everything. */
  globalHoldout: share.default(0),
  /** Channels that need a granted consent; elsewhere a denied one stops, a missing one does not. */
  consentRequired: z.array(channelSchema).default([]),
  /** What keeps mail welcome; without it the defaults hold, and no sender is warmed up. */
  deliverability: deliverabilitySchema.exactOptional(),
})
export type GuardrailSettings = z.infer<typeof guardrailSettingsSchema>

/** What customers subscribe to: a topic, in each of its channels by itself. */
export const subscriptionGroupSchema = z.strictObject({
  id: idSchema,
  /** As customers read it. */
  name: z.string().min(1).max(200),
  description: z.string().max(1000).default(''),
  channels: z.array(channelSchema).min(1),
  /** `opt-in`: nobody gets it who has not asked for it. `opt-out`: everybody, until they say no. */
  kind: z.enum(['opt-in', 'opt-out']),
  /** By channel the transactional template that asks to confirm (`links.confirm`): only then a yes counts. */
  doubleOptIn: z.partialRecord(channelSchema, idSchema).exactOptional(),
})
export type SubscriptionGroup = z.infer<typeof subscriptionGroupSchema>

/** What guardrails go by: the settings as applied, and the kind of each topic. */
export interface GuardrailRules extends GuardrailSettings {
  /** A topic that is not among them is taken for `opt-in`. */
  topicKinds?: ReadonlyMap<string, SubscriptionGroup['kind']>
}

/** A fixed-split comparison with sticky assignment. Shares must add up to 1. */
export const experimentSchema = z.strictObject({
  id: idSchema,
  arms: z
    .array(
      z.strictObject({
        id: idSchema,
        share: share,
        /** The baseline arm; gets nothing unless it names a treatment. Exactly one. */
        control: z.boolean().default(false),
        /** `offer/channel` of one of the campaign's treatments. */
        treatment: z.string().exactOptional(),
      }),
    )
    .min(2)
    .max(20),
  /**
   * Experiments of one group share no customer: each takes those of its slots, `from` up to but not including
   * `until`, of the group's 100. Without a group an experiment is a layer of its own, independent of others.
   */
  group: z
    .strictObject({
      id: idSchema,
      from: z.number().int().min(0).max(99),
      until: z.number().int().min(1).max(100),
    })
    .exactOptional(),
  /** When the report says that it is decided. Without it the report shows figures and leaves it to people. */
  stopping: z
    .strictObject({
      /** Of the campaign's main goal. */
      measure: z.enum(['conversions', 'value']).default('conversions'),
      /** A winner is not shipped before: whole weeks, so that each day of the week counts alike. */
      minimumDays: z.number().min(0).max(365).default(7),
      /** After that time without a winner it ends. */
      maximumDays: z.number().positive().max(3650).exactOptional(),
    })
    .exactOptional(),
})
export type Experiment = z.infer<typeof experimentSchema>

/** The engine chooses the hour at which a message goes out. */
export const sendTimeSchema = z.strictObject({
  /** The latest that it may go out after the decision; must not be later than the message lapses. */
  withinHours: z.number().int().min(2).max(168),
  /** Trait by whose value customers are alike in their hours (`segment`, `country`). */
  cohort: z.string().min(1).exactOptional(),
})
export type SendTime = z.infer<typeof sendTimeSchema>

/** Attributes by which nobody may be treated worse: looked at in the report, never by the policy. */
export const fairnessSchema = z.strictObject({
  /** Traits; none of them may be among `features` or be the cohort of `sendTime`. */
  attributes: z.array(z.string().min(1)).min(1).max(8),
  /** Least share of the highest group's treatment rate that a group may have; default four fifths. */
  ratioMin: share.default(0.8),
  /** Groups of fewer customers are shown and not judged. */
  customersMin: z.number().int().min(20).max(1_000_000).default(100),
  /** While a group is below the ratio no proposed policy is promoted but by a named person. */
  blocksPromotion: z.boolean().default(false),
})
export type Fairness = z.infer<typeof fairnessSchema>

const utmText = z.string().min(1).max(200)

/** `utm_…` parameters of every link; one that a template writes itself stays as it is. */
export const utmSchema = z.strictObject({
  source: utmText.default('starling'),
  /** Default: the channel. */
  medium: utmText.exactOptional(),
  /** Default: the campaign's id. */
  campaign: utmText.exactOptional(),
  /** Default: the variant's id. */
  content: utmText.exactOptional(),
  term: utmText.exactOptional(),
})
export type Utm = z.infer<typeof utmSchema>

/** A campaign as people write it: it refers to goals, offers, templates and an experiment by id. */
export const campaignSchema = z.strictObject({
  id: idSchema,
  name: z.string().min(1),
  goal: idSchema,
  /** A subscription group: only its subscribers get it, in its channels. */
  topic: idSchema.exactOptional(),
  /** Further goals that the report shows; the policy learns from `goal` alone. */
  alsoMeasure: z.array(idSchema).max(10).default([]),
  trigger: triggerSchema,
  audience: conditionSchema.exactOptional(),
  /** At least one, unless there are steps. */
  treatments: z.array(treatmentSchema).max(100).default([]),
  /** A cadence: touches with treatments of their own, waits and branches. */
  steps: stepsSchema.exactOptional(),
  exit: exitSchema.exactOptional(),
  reentry: reentrySchema.exactOptional(),
  /** What this version does with those inside an older one. */
  inside: insideRuleSchema.exactOptional(),
  policy: z
    .union([
      z.strictObject({ kind: z.literal('inverse-gap') }),
      z.strictObject({
        kind: z.literal('fixed-split'),
        experiment: idSchema,
        /** The arm whose treatment everybody gets since it was shipped: `starling campaign ship` sets it. */
        shipped: idSchema.exactOptional(),
      }),
    ])
    .default({ kind: 'inverse-gap' }),
  holdout: share.default(0.1),
  frequencyCaps: z.array(frequencyCapSchema).max(32).default([]),
  quietHours: quietHoursSchema.exactOptional(),
  /** In place of the workspace's; `perSend: 0` for none. */
  fatigue: fatigueSchema.exactOptional(),
  /** Default: normal. */
  priority: prioritySchema.exactOptional(),
  /** Most that the campaign may spend on sends. */
  budget: amount.exactOptional(),
  /** A queued message that could not be sent by then lapses. */
  expiresAfterHours: z
    .number()
    .positive()
    .max(24 * 30)
    .default(24),
  /** Without it a message goes out at once, or when a deferral ends. */
  sendTime: sendTimeSchema.exactOptional(),
  /** Traits that enter the feature vector, as categories. */
  features: z.array(z.string().min(1)).max(16).default([]),
  fairness: fairnessSchema.exactOptional(),
  /** What links tell the site's analytics; without it links stay as they are. */
  utm: utmSchema.exactOptional(),
})
export type Campaign = z.infer<typeof campaignSchema>

/** What one unit of a currency is worth in the reporting currency, from a day on. */
export const currencyRateSchema = z.strictObject({
  currency: z.string().length(3),
  validFrom: z.iso.date(),
  rate: z.number().positive(),
})
export type CurrencyRate = z.infer<typeof currencyRateSchema>

/** The whole file that `starling apply` takes. */
export const workspaceFileSchema = z.strictObject({
  goals: z.array(goalSchema).default([]),
  offers: z.array(offerSchema).default([]),
  templates: z.array(templateSchema).default([]),
  segments: z.array(segmentSchema).default([]),
  experiments: z.array(experimentSchema).default([]),
  subscriptionGroups: z.array(subscriptionGroupSchema).default([]),
  guardrails: guardrailSettingsSchema.exactOptional(),
  currencyRates: z.array(currencyRateSchema).exactOptional(),
  campaigns: z.array(campaignSchema).default([]),
})
export type WorkspaceFile = z.infer<typeof workspaceFileSchema>

/** A treatment with what it refers to, resolved. `treatmentId` is `offer/channel`, of a touch `step/offer/channel`. */
export interface TreatmentSpec {
  treatmentId: string
  offer: Offer
  channel: ChannelName
  costMicros: number
  valueMicros: number
  lever: number
  variants: { variantId: string; weight: number; template: Template }[]
}

/**
 * A campaign version with everything it refers to, resolved and frozen: what a decision names and what
 * the pipeline runs. Stored as `campaign_versions.body_json`.
 */
export interface CampaignSpec {
  campaignId: string
  name: string
  goal: Goal
  alsoMeasure: Goal[]
  topic?: string
  trigger: Trigger
  audience?: z.infer<typeof conditionSchema>
  /** Of a cadence those of all its touches. */
  treatments: TreatmentSpec[]
  cadence?: CadenceSpec
  /** `inverse-gap`: learned, by the policy of the workspace's snapshot. `shipped`: the arm everybody gets. */
  policy: { kind: 'inverse-gap' } | { kind: 'fixed-split'; experiment: Experiment; shipped?: string }
  holdout: number
  frequencyCaps: FrequencyCap[]
  quietHours?: QuietHours
  fatigue?: Fatigue
  priority?: Priority
  budgetMicros?: number
  expiresAfterMs: number
  sendTime?: SendTime
  features: string[]
  fairness?: Fairness
  utm?: Utm
}

export type CampaignState = 'draft' | 'in-review' | 'approved' | 'live' | 'paused' | 'ended'

export interface CampaignVersion {
  campaignId: string
  version: number
  state: CampaignState
  spec: CampaignSpec
  actor: string
  note: string
  createdAt: number
}
