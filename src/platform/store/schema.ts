import type { Generated } from 'kysely'
import type { BroadcastState } from '#contracts/broadcast.ts'

/**
 * The store's tables as both dialects hold them. Instants are integer milliseconds UTC; money is integer
 * micros; flags are 0/1; `*_json` is text in SQLite and jsonb in PostgreSQL, a string in both on this side.
 * `workspace` leads every key. The comment before each table names the room that owns it: only that room's
 * files (and migrations) touch it.
 */
export interface StoreSchema {
  // ── system tables: no tenant's rows; reached through `tx.system` only ──
  workspaces: WorkspaceRow
  api_keys: ApiKeyRow
  system_settings: SystemSettingRow
  log_offsets: LogOffsetRow
  provider_states: ProviderStateRow

  // ── profile ──
  identities: IdentityRow
  customers: CustomerRow
  consents: ConsentRow
  consent_records: ConsentRecordRow
  suppressions: SuppressionRow
  events: EventRow
  event_dedupe: EventDedupeRow
  scores: ScoreRow
  endpoints: EndpointRow
  accounts: AccountRow
  account_members: AccountMemberRow

  // ── ingest ──
  event_counts: EventCountRow
  event_properties: EventPropertyRow

  // ── campaign ──
  documents: DocumentRow
  campaign_versions: CampaignVersionRow
  assignments: AssignmentRow
  journeys: JourneyRow
  journey_steps: JourneyStepRow
  schedule_rounds: ScheduleRoundRow
  broadcasts: BroadcastRow
  broadcast_turns: BroadcastTurnRow

  // ── decision ──
  decisions: DecisionRow
  decision_ranks: DecisionRankRow

  // ── action ──
  messages: MessageRow
  message_transitions: MessageTransitionRow
  attempts: AttemptRow
  campaign_spend: CampaignSpendRow
  dead_letters: DeadLetterRow
  outbox: OutboxRow
  message_events: MessageEventRow
  callback_receipts: CallbackReceiptRow
  callback_counts: CallbackCountRow
  warm_up_counts: WarmUpCountRow
  webhooks: WebhookRow
  webhook_deliveries: WebhookDeliveryRow
  inbox: InboxRow
  coupon_pools: CouponPoolRow
  coupon_codes: CouponCodeRow

  // ── items ──
  items: ItemRow
  item_categories: ItemCategoryRow
  item_feeds: ItemFeedRow

  // ── learning ──
  outcomes: OutcomeRow
  exposures: ExposureRow
  rewards: RewardRow
  snapshots: SnapshotRow
  learner_states: LearnerStateRow
  learner_archives: LearnerArchiveRow
  policy_candidates: PolicyCandidateRow
  candidate_states: CandidateStateRow
  policy_settings: PolicySettingsRow
  template_candidates: TemplateCandidateRow
  networks: NetworkRow

  // ── pipeline ──
  timers: TimerRow
  timer_rounds: TimerRoundRow
  rejected_events: RejectedEventRow
  held_clicks: HeldClickRow
  audit: AuditRow
}

export interface WorkspaceRow {
  workspace: string
  name: string
  send_mode: 'outbox' | 'allowlist' | 'live'
  /** JSON array of addresses and `@domain`s that `allowlist` may reach. */
  allowlist_json: string
  kill_switch: 0 | 1
  /** ISO 4217. */
  reporting_currency: string
  /** IANA zone for customers without one of their own. */
  zone: string
  created_at: number
  /** ISO 3166, of phone numbers that name none; null: there are none. */
  country: string | null
  /** BCP 47: what templates are written in that do not say; null: English. */
  locale: string | null
}

export interface ApiKeyRow {
  /** SHA-256 hex of the key. */
  key_hash: string
  workspace: string
  kind: 'write' | 'admin'
  name: string
  created_at: number
}

export interface SystemSettingRow {
  name: string
  value: string
}

/** The authoritative position of a consumer group: moved by compare-and-set inside the batch's transaction. */
export interface LogOffsetRow {
  group_name: string
  partition_number: number
  next_offset: number
}

/** How each sender finds each provider: written as it changes, and every half a minute. By the wall clock. */
export interface ProviderStateRow {
  owner: string
  provider: string
  channel: string
  weight_milli: number
  state: 'closed' | 'open' | 'half-open' | 'paused'
  reason: string
  /** When a call is let through again; 0 where it is. */
  retry_at: number
  updated_at: number
}

export interface IdentityRow {
  workspace: string
  kind: 'user' | 'anonymous'
  external_id: string
  customer_id: string
  linked_at: number
}

export interface CustomerRow {
  workspace: string
  customer_id: string
  /** Counts every write; a cache of the row is checked against it. */
  version: number
  /** Set when the row was merged away: the canonical customer. */
  merged_into: string | null
  /** `Profile` of contracts/profile.ts without its ids. */
  profile_json: string
  updated_at: number
}

export interface ConsentRow {
  workspace: string
  customer_id: string
  /** A channel (`email`) or a topic in it (`email/news`): see `ConsentScope` of contracts/profile.ts. */
  channel: string
  state: 'granted' | 'pending' | 'denied'
  source: string
  changed_at: number
}

/** Proof of a consent or of its withdrawal. Only ever added to. */
export interface ConsentRecordRow {
  workspace: string
  record_id: string
  customer_id: string
  channel: string
  /** '' for the channel as a whole. */
  topic: string
  state: 'granted' | 'pending' | 'denied'
  source: string
  /** Who noted it: an API key's name; '' where the customer did. */
  actor: string
  /** The message whose link was used, '' without one. */
  message_id: string
  ip: string
  user_agent: string
  /** Which text the customer saw: `news@3`. */
  text_version: string
  recorded_at: number
}

/** A fact about an address: do not contact. Survives the customer. */
export interface SuppressionRow {
  workspace: string
  channel: string
  /** Normalised: e-mail in lower case. */
  address: string
  reason: string
  detail: string
  created_at: number
}

/** Where a push reaches a customer: a device's token or a browser's subscription. */
export interface EndpointRow {
  workspace: string
  /** Hash of the token or of the subscription's address. */
  endpoint_id: string
  customer_id: string
  kind: 'fcm' | 'apns' | 'web-push'
  /** As messages have it: contracts/push-address.ts. */
  address: string
  /** 'api': registered by the app; 'event': a token that came with an event. */
  source: string
  created_at: number
  /** When the app last said that it is there; the newest live one is the customer's push address. */
  seen_at: number
  /** The push service said that it is no more; null while it lives. */
  gone_at: number | null
  gone_reason: string
}

/** A company that customers belong to, by the id of their group calls; profiles carry a copy of its traits. */
export interface AccountRow {
  workspace: string
  account_id: string
  version: number
  traits_json: string
  /** When the newest event happened that brought traits; 0: none did. */
  traits_at: number
  created_at: number
  updated_at: number
}

export interface AccountMemberRow {
  workspace: string
  account_id: string
  customer_id: string
  since: number
}

export interface EventRow {
  workspace: string
  day_utc: number
  event_id: string
  customer_id: string
  kind: string
  name: string
  occurred_at: number
  received_at: number
  payload_json: string
  /** When the profile took it in (injected clock); null: before this was noted. */
  applied_at: number | null
  /** As what number of that profile's; 0: not at all, null: before this was noted. */
  applied_order: number | null
  /** The customer whose profile that was, where a merge has moved the event since; else null. */
  applied_to: string | null
  /** Rises from event to event, also within an instant of the injected clock; null: before this was noted. */
  applied_tick: number | null
}

export interface EventDedupeRow {
  workspace: string
  event_id: string
  received_at: number
}

/**
 * Derived from the events: how many of a name came on a day. One row for each of the log's partitions: no two
 * workers wait for each other over a name that all customers use.
 */
export interface EventCountRow {
  workspace: string
  kind: string
  name: string
  day_utc: number
  partition_number: number
  events_count: number
  first_occurred_at: number
  last_occurred_at: number
}

/** Derived from the events: a property (of a track, page or screen) or trait (of the others), once per type. */
export interface EventPropertyRow {
  workspace: string
  kind: string
  name: string
  property: string
  type: string
  /** '' where there is none that may be shown. */
  example: string
  first_occurred_at: number
}

/** Goals, offers, templates, segments, experiments and workspace guardrails: every version is kept. */
export interface DocumentRow {
  workspace: string
  kind: string
  document_id: string
  version: number
  body_json: string
  actor: string
  created_at: number
}

export interface CampaignVersionRow {
  workspace: string
  campaign_id: string
  version: number
  state: 'draft' | 'in-review' | 'approved' | 'live' | 'paused' | 'ended'
  /** The campaign with everything it refers to, resolved: `CampaignSpec` of contracts/campaign.ts. */
  body_json: string
  actor: string
  note: string
  created_at: number
}

/** Who counts in uplift: one row per customer and campaign, at the first eligible trigger. */
export interface AssignmentRow {
  workspace: string
  campaign_id: string
  customer_id: string
  campaign_version: number
  held_out: 0 | 1
  /** Arm of the campaign's experiment, '' without one. */
  arm: string
  entered_at: number
  decision_id: string
}

export interface DecisionRow {
  workspace: string
  day_utc: number
  decision_id: string
  customer_id: string
  trigger_kind: string
  trigger_id: string
  decided_at: number
  /** 'treatment', 'nothing' (drawn), 'held-out' (no draw), 'none-eligible' (no draw). */
  outcome: string
  /** Of the chosen candidate, or '' . */
  campaign_id: string
  campaign_version: number
  treatment_id: string
  variant_id: string
  propensity: number
  snapshot_id: string
  /** JSON object guardrail -> number of candidates it excluded. */
  excluded_json: string
  record: Uint8Array
}

/** What a placement was given: a row for each rank that has a treatment. */
export interface DecisionRankRow {
  workspace: string
  /** Of the rank: each is a decision of its own. */
  decision_id: string
  day_utc: number
  /** Of the whole answer: the decision of its first rank. */
  request_id: string
  rank: number
  customer_id: string
  placement: string
  campaign_id: string
  campaign_version: number
  treatment_id: string
  variant_id: string
  channel: string
  goal_id: string
  window_ms: number
  /** Given without a decision, because the answer could not wait. */
  degraded: 0 | 1
  decided_at: number
  /** Not shown by then, it holds no slot of a cap any longer. */
  expires_at: number
  /** Null before it was shown. */
  exposed_at: number | null
  /** An operator's: 'accepted', 'declined', '' before. */
  response: string
  response_reason: string
  response_by: string
  responded_at: number | null
}

export interface MessageRow {
  workspace: string
  message_id: string
  decision_id: string
  decision_day_utc: number
  customer_id: string
  campaign_id: string
  campaign_version: number
  treatment_id: string
  variant_id: string
  channel: string
  address: string
  state: 'queued' | 'sending' | 'sent' | 'failed' | 'unknown' | 'lapsed'
  /** Why it is in this state: a guardrail's or a provider's reason code, '' when plain. */
  reason: string
  transactional: 0 | 1
  cost_micros: number
  created_at: number
  /** Not before (injected clock). */
  due_at: number
  expires_at: number
  /** When the slot was taken: the commit of the claim (injected clock); null before. */
  sending_at: number | null
  /** When it reached its present state (injected clock). */
  state_at: number
  attempts: number
  /** Facts of the trigger that the template may name: JSON of the event's name and properties. */
  context_json: string
  /** Of a touch, '' otherwise: the journey that it belongs to. */
  journey_id: Generated<string>
  /** When what the message is about happened: whoever has met the goal since does not get it. */
  relevant_since: Generated<number>
  /** The single-use code that it was last reserved, '' without one. */
  coupon_code: Generated<string>
  /** In which it was written at the claim, BCP 47; '' before. */
  locale: Generated<string>
  lease_owner: string
  /** Wall clock; 0 when not leased. */
  lease_until: number
}

export interface MessageTransitionRow {
  workspace: string
  message_id: string
  sequence: number
  state: string
  reason: string
  at: number
}

export interface AttemptRow {
  workspace: string
  message_id: string
  attempt: number
  provider: string
  started_at: number
  ended_at: number | null
  /** SendResult kind, '' while under way. */
  result: string
  reason: string
  provider_message_id: string
}

/** Derived from the messages: what each campaign's cost, counted as they change state. */
export interface CampaignSpendRow {
  workspace: string
  campaign_id: string
  /** Of messages sending, sent or unknown. */
  spent_micros: number
  queued_micros: number
}

/** A message that failed for good, until an operator retries or drops it. */
export interface DeadLetterRow {
  workspace: string
  message_id: string
  /** Who refused it last. */
  provider: string
  reason: string
  /** Of the message when it failed: what it is tried after a retry counts anew. */
  attempts: number
  failed_at: number
  state: 'open' | 'retried' | 'dropped'
  /** Who retried or dropped it, and why; '' while open. */
  actor: string
  note: string
  changed_at: number
}

/** Messages as the customer would see them, while the send mode keeps them here. */
export interface OutboxRow {
  workspace: string
  message_id: string
  customer_id: string
  channel: string
  address: string
  sender: string
  subject: Generated<string>
  html: string
  text: string
  headers_json: string
  created_at: number
  url: Generated<string>
  data_json: Generated<string>
}

/** What a provider, or a mail that came back, told of a message. Of these its delivery state is made. */
export interface MessageEventRow {
  workspace: string
  message_id: string
  event_id: string
  /** `DeliveryKind` of contracts/delivery.ts. */
  kind: string
  campaign_id: string
  channel: string
  /** As it was written to, normalised as suppressions are. */
  address: string
  provider: string
  reason: string
  occurred_at: number
  received_at: number
}

/** What a callback has done at once (a suppression, an opt-out, an opt-in): it is not done twice. */
export interface CallbackReceiptRow {
  workspace: string
  event_id: string
  received_at: number
}

export interface CallbackCountRow {
  workspace: string
  provider: string
  day_utc: number
  /** 'accepted', 'repeated', 'unknown-message', 'out-of-order', 'bad-signature', 'stale', 'unreadable'. */
  outcome: string
  callbacks_count: number
}

/** Sends of a warming-up sender to a mail domain on a day. */
export interface WarmUpCountRow {
  workspace: string
  sender_domain: string
  recipient_domain: string
  day_utc: number
  sends_count: number
}

/** Another system that is told what becomes of messages. */
export interface WebhookRow {
  workspace: string
  webhook_id: string
  url: string
  /** JSON list of event types. */
  events_json: string
  state: 'active' | 'disabled'
  /** Why it is disabled, '' when active. */
  reason: string
  secret: string
  /** Signs beside the new one until `old_until` (wall clock); '' where there is none. */
  old_secret: string
  old_until: number
  /** Since when nothing has got through (wall clock); null: it does. */
  failing_since: number | null
  created_at: number
}

/** One event on its way to one webhook. */
export interface WebhookDeliveryRow {
  workspace: string
  webhook_id: string
  /** Stable: an event that is written again is the same delivery. */
  delivery_id: string
  type: string
  message_id: string
  /** As it is sent: JSON text. */
  body: string
  state: 'waiting' | 'delivered' | 'failed'
  attempts: number
  /** Not before (wall clock); 0 at first. While it is under way: when its lease ends. */
  due_at: number
  /** HTTP status of the last attempt, 0 where none came. */
  status: number
  reason: string
  created_at: number
  ended_at: number | null
}

/** A message in a customer's in-app inbox. */
export interface InboxRow {
  workspace: string
  message_id: string
  customer_id: string
  /** Of the last change, within the customer: one that is committed later has a higher number. */
  sequence: number
  title: string
  html: string
  text: string
  /** Where a click leads; '' nowhere. */
  url: string
  data_json: string
  created_at: number
  /** Not shown from then on; 0: never. */
  expires_at: number
  read_at: number | null
  clicked_at: number | null
  dismissed_at: number | null
}

/** What happened: clicks, opens and conversions, one row each. */
export interface OutcomeRow {
  workspace: string
  day_utc: number
  outcome_id: string
  customer_id: string
  /**
   * 'conversion', 'click', 'open'; the latter two with `suspected-` before them for programs, an open with
   * `private-` for a mail program that loads every image.
   */
  kind: string
  campaign_id: string
  goal_id: string
  event_id: string
  message_id: string
  value_micros: number
  occurred_at: number
}

/** A decision whose result the learner waits for. `head` is the one that learns from it. */
export interface ExposureRow {
  workspace: string
  decision_id: string
  campaign_id: string
  customer_id: string
  goal_id: string
  /** `treatmentId`, or 'nothing' for holdout and drawn nothings. */
  head: string
  decision_day_utc: number
  exposed_at: number
  window_ends_at: number
  /** When the learner is told: all exposures of one goal at one age. */
  settles_at: number
  /** `converted`: before it settled; `credited`: and told so. `closed`: told that nothing came. */
  state: 'open' | 'converted' | 'credited' | 'closed' | 'corrected'
}

/** The learner's input, in order. */
export interface RewardRow {
  workspace: string
  sequence: Generated<number>
  decision_id: string
  campaign_id: string
  decision_day_utc: number
  head: string
  /** 'reward' teaches y; 'correction' turns an earlier 0 into 1. */
  kind: 'reward' | 'correction'
  y: 0 | 1
  created_at: number
}

export interface SnapshotRow {
  workspace: string
  snapshot_id: string
  sequence: number
  parent_id: string
  published_at: number
  t: number
  bound_micros: number
  manifest_json: string
  weights: Uint8Array
}

export interface LearnerStateRow {
  workspace: string
  /** Last reward sequence taken in. */
  cursor: number
  state: Uint8Array
  updated_at: number
}

/** The learner's state as it was when another version took the place of the one named. */
export interface LearnerArchiveRow {
  workspace: string
  snapshot_id: string
  archived_at: number
  state: Uint8Array
}

/** A policy that is proposed and not live; published through the promotion gate, or past it by a person. */
export interface PolicyCandidateRow {
  workspace: string
  candidate_id: string
  proposed_at: number
  actor: string
  note: string
  /** `building`: its heads are being taught; `failed`: they could not be. */
  state: 'building' | 'proposed' | 'promoted' | 'failed'
  /**
   * `version`: an earlier version as it was; `policy`: another way of drawing over what is learned;
   * `heads`: weights made elsewhere in place of some; `network`: heads over a network's bottleneck.
   */
  changes: 'version' | 'policy' | 'heads' | 'network'
  /** Decisions that name this snapshot or a later one cannot have taught it. */
  since_snapshot_id: string
  t: number
  bound_micros: number
  manifest_json: string
  weights: Uint8Array
  /** When the gate last looked at it; 0 before. */
  judged_at: number
  /** The gate's verdict with its figures; `null` in JSON before. */
  verdict_json: string
  /** The version that it became, '' before. */
  snapshot_id: string
}

/** What the heads of a proposed policy have learned, until it goes live. */
export interface CandidateStateRow {
  workspace: string
  candidate_id: string
  /** The last reward in it. */
  cursor: number
  /** As a learner's state. */
  state: Uint8Array
}

/** New words of a template, that go live for good through the gate. */
export interface TemplateCandidateRow {
  workspace: string
  candidate_id: string
  template_id: string
  /** The version of the template that it becomes, and the one that it would replace. */
  version: number
  base_version: number
  /** Of what its place would get: so much is drawn for the new words by the marketer's weights. */
  share: number
  /** Where it takes part: JSON list of {campaignId, treatmentId, champion, challenger, weight}. */
  places_json: string
  proposed_at: number
  actor: string
  note: string
  state: 'proposed' | 'promoted' | 'withdrawn' | 'rolled-back'
  /** When the gate last looked at it; 0 before. */
  judged_at: number
  /** The gate's verdict with its figures; `null` in JSON before. */
  verdict_json: string
  /** When, by whom and why it was promoted, withdrawn or rolled back; 0 and '' before. */
  settled_at: number
  settled_by: string
  reason: string
}

export interface PolicySettingsRow {
  workspace: string
  /** 1: the strategist promotes what passes the gate. */
  automatic: 0 | 1
  effective_rows_min: number
  loss_max_share: number
  /** Days after which what was learned counts half as much; null: nothing is forgotten. */
  forget_half_life_days: number | null
}

/** A trained network, or the request for one. */
export interface NetworkRow {
  workspace: string
  model_id: string
  kind: 'propensity' | 'uplift'
  state: 'queued' | 'training' | 'ready' | 'failed'
  /** What was asked for. */
  request_json: string
  /** How far it has come; of a failed one, why. */
  progress_json: string
  /** Model card; `{}` until ready. */
  card_json: string
  /** TensorFlow.js layers model; `{}` until ready. */
  model_json: string
  weights: Uint8Array
  actor: string
  created_at: number
  /** Wall clock: a training that is not heard of for a minute is taken up again. */
  updated_at: number
}

/** A calibrated probability of a customer, as of `scored_at`; profiles carry a copy. */
export interface ScoreRow {
  workspace: string
  customer_id: string
  score: string
  value: number
  model_id: string
  scored_at: number
}

/** Something to look at later for one customer; fired by the worker when due (injected clock). */
/** See `Journey`. */
export interface JourneyRow {
  workspace: string
  journey_id: string
  customer_id: string
  campaign_id: string
  version: number
  settled_version: number
  state: 'inside' | 'completed' | 'left'
  reason: string
  is_newest: 0 | 1
  entered_at: number
  ended_at: number | null
  step_id: string
  step_since: number
  is_waiting: 0 | 1
  /** Injected clock; null after the end and while the campaign is paused. */
  due_at: number | null
  steps_passed: number
  seen_json: string
}

/** See `JourneyStep`. */
export interface JourneyStepRow {
  workspace: string
  journey_id: string
  sequence: number
  customer_id: string
  campaign_id: string
  version: number
  step_id: string
  kind: 'touch' | 'wait' | 'branch'
  result: string
  decision_id: string
  at: number
}

/** How far a campaign version's schedule has been given to the customers that were there before it. */
export interface ScheduleRoundRow {
  workspace: string
  campaign_id: string
  version: number
  /** The last customer that has a timer. */
  cursor_id: string
  done: 0 | 1
}

/** One run of a broadcast: how far it has come. Its campaign says whether it is paused. */
export interface BroadcastRow {
  workspace: string
  campaign_id: string
  /** 1, 2, …: counted up each time that the campaign is started. */
  run: number
  state: BroadcastState
  actor: string
  started_at: number
  /** Nobody is decided about before. */
  starts_at: number
  ended_at: number | null
  /** All customers there were at the start. */
  customers: number
  /** The last customer that was looked at. */
  cursor_id: string
  looked: number
  audience: number
  queued: number
  held_out: number
  refused: number
  undrawn: number
  /** Since when the pace counts, and what had been done by then. */
  pace_from: number
  pace_looked: number
  pace_taken: number
}

/** A customer who waits for a local time. */
export interface BroadcastTurnRow {
  workspace: string
  campaign_id: string
  customer_id: string
  run: number
  /** The local time by its name, `2026-11-01T09:00`. */
  occurrence: string
  due_at: number
}

export interface TimerRow {
  workspace: string
  /** Stable: setting the same timer again moves it. */
  timer_id: string
  customer_id: string
  /**
   * 'segments': look at the customer's time-dependent segments again. 'absence': an event that was to come has
   * not. 'schedule': an occurrence. 'account': the traits of the customer's account have changed.
   */
  kind: string
  /** The campaign of an absence or a schedule, '' otherwise. */
  subject: Generated<string>
  /** What the timer is about: of an absence the event after which it runs, of a schedule the occurrence. */
  payload_json: Generated<string>
  due_at: number
  lease_owner: string
  /** Wall clock; 0 when not leased. */
  lease_until: number
}

/** Timers, or journeys, that went on together: the order of what time alone brought about. */
export interface TimerRoundRow {
  workspace: string
  /** Injected clock. */
  fired_at: number
  /** As of events. */
  tick: number
  /** See `TimerRound`. */
  kind: string
  /** JSON array. */
  subjects_json: string
}

export interface RejectedEventRow {
  workspace: string
  rejected_id: string
  received_at: number
  code: string
  field: string
  detail: string
  body: string
  replayed_at: number | null
}

/** A click that is judged when it is known what else was clicked in its message. */
export interface HeldClickRow {
  workspace: string
  customer_id: string
  event_id: string
  /** Injected clock. */
  held_until: number
  record_json: string
}

export interface CouponPoolRow {
  workspace: string
  pool_id: string
  name: string
  /** From then on no code of it is given or redeemed. */
  expires_at: number
  /** How long a reservation holds. */
  hold_ms: number
  /** Most codes of it that one customer may redeem; 0: any number. */
  redemptions_max: number
  created_at: number
}

/** Instants by the injected clock; 0: not yet. */
export interface CouponCodeRow {
  workspace: string
  code: string
  pool_id: string
  state: 'available' | 'reserved' | 'given' | 'redeemed'
  /** The message that it was reserved for, or `key:…` of a reservation over the API; '' while available. */
  holder: string
  /** Who was given it, later who redeemed it; '' where nobody is known. */
  customer_id: string
  reserved_at: number
  reserved_until: number
  given_at: number
  redeemed_at: number
}

export interface ItemRow {
  workspace: string
  item_id: string
  /** '' of what the API and imports bring; of a feed `feed@number`: only its present edition is read. */
  edition: string
  name: string
  price_micros: number | null
  /** ISO 4217, '' without a price. */
  currency: string
  /** null: nobody counts them. */
  stock: number | null
  image_url: string
  link: string
  /** 0: always was. */
  valid_from: number
  valid_until: number | null
  /** The higher, the earlier it is recommended. */
  rank: number
  categories_json: string
  attributes_json: string
  /** Wall clock. */
  updated_at: number
}

/** Derived: the categories of `items`, to be found by. */
export interface ItemCategoryRow {
  workspace: string
  category: string
  edition: string
  item_id: string
  rank: number
}

/** Instants by the wall clock; 0: never. */
export interface ItemFeedRow {
  workspace: string
  feed_id: string
  url: string
  /** `whsec_…`: what its publisher signs with. */
  secret: string
  every_ms: number
  state: 'active' | 'paused'
  /** The one that is read, '' before the first. */
  edition: string
  /** Editions begun so far: the next one's number is one higher. */
  editions: number
  /** Of the answer that was taken or refused last: the same is not fetched again. */
  etag: string
  /** When its publisher signed what is read: nothing older is taken. */
  signed_at: number
  /** In the edition that is read. */
  items: number
  next_at: number
  lease_until: number
  tried_at: number
  taken_at: number
  result: '' | 'taken' | 'unchanged' | 'refused' | 'failed'
  /** Why, and the rows that were refused. */
  report_json: string
  created_at: number
}

export interface AuditRow {
  workspace: string
  audit_id: string
  at: number
  actor: string
  action: string
  target: string
  detail_json: string
}
