import type { InstantMs } from '#contracts/clock.ts'
import { eventErrors } from '#contracts/errors.ts'
import { type EventFault, eventFault } from './event-fault.ts'
import { isObject, wrongType } from './validate-event.ts'

/** An event of PostHog's in Segment's words. */
interface TranslatedEvent {
  kind: 'event'
  event: Record<string, unknown>
  /** The client gave an age instead of a time: there is no clock to correct by `sent_at`. */
  isAged: boolean
  /** It describes a group alone: clients invent a distinct id for it, which is nobody's. */
  isNobodys: boolean
}

/**
 * `$identify` and `$set` set traits, `$create_alias` joins two ids, `$groupidentify` describes a group,
 * `$pageview` and `$screen` are views; every other event is a track under its own name. The distinct id is
 * our user id, whether the person is known or not. `$set` and `$set_once` stand among the properties, beside
 * them, or in both places. The write key, which browsers put among the properties, is left out.
 */
export function fromPostHog(raw: unknown, receivedAt: InstantMs): TranslatedEvent | EventFault {
  if (!isObject(raw)) return eventFault('not_an_object', '', eventErrors.not_an_object)
  const { event: name, properties: given = {} } = raw
  if (!isObject(given)) return wrongType('properties', 'an object')
  if (name === undefined || name === null || name === '') {
    return eventFault('missing_field', 'event', 'an event needs its name')
  }
  if (typeof name !== 'string') return wrongType('event', 'a string')
  const distinctId = firstGiven(raw.distinct_id, given.distinct_id)
  if (distinctId === undefined) {
    return eventFault('missing_field', 'distinct_id', 'an event needs distinct_id')
  }
  const { token: _key, distinct_id: _id, $set, $set_once: $setOnce, $unset, ...properties } = given
  const traits = merged(raw.$set, $set)
  if (traits === null) return wrongType('$set', 'an object')
  const traitsOnce = merged(raw.$set_once, $setOnce)
  if (traitsOnce === null) return wrongType('$set_once', 'an object')
  for (const trait of Array.isArray($unset) ? $unset : []) if (typeof trait === 'string') traits[trait] = null

  const own = translated(name, distinctId, properties)
  if (own.kind === 'fault') return own
  const setsTraits = own.fields.type === 'identify'
  const isAged = typeof raw.offset === 'number' && firstGiven(raw.timestamp) === undefined
  return {
    kind: 'event',
    event: {
      userId: distinctId,
      messageId: firstGiven(raw.uuid, properties.$insert_id),
      timestamp: isAged ? receivedAt - (raw.offset as number) : raw.timestamp,
      properties: withContent(properties),
      traits: setsTraits ? withContent(traits) : undefined,
      ...own.fields,
      context: contextOf(properties, setsTraits ? {} : traits, traitsOnce),
    },
    isAged,
    isNobodys:
      own.fields.type === 'group' && distinctId === `$${properties.$group_type}_${properties.$group_key}`,
  }
}

type Fields = Record<string, unknown>

function translated(
  name: string,
  distinctId: unknown,
  properties: Fields,
): { kind: 'fields'; fields: Fields } | EventFault {
  const as = (fields: Fields) => ({ kind: 'fields', fields }) as const
  switch (name) {
    case '$identify': {
      const { $anon_distinct_id: anonymousId, ...others } = properties
      const isLink = standsForSomebody(distinctId) && standsForSomebody(anonymousId)
      return as({ type: 'identify', ...(isLink && { anonymousId }), properties: withContent(others) })
    }
    case '$set':
      return as({ type: 'identify' })
    case '$create_alias':
    case '$merge_dangerously': {
      const { alias: previousId, ...others } = properties
      if (!standsForSomebody(previousId) || !standsForSomebody(distinctId)) {
        return eventFault(
          'missing_field',
          'properties.alias',
          'an alias needs two ids that stand for somebody',
        )
      }
      return as({ type: 'alias', previousId, properties: withContent(others) })
    }
    case '$groupidentify': {
      const { $group_key: groupId, $group_set: traits, ...others } = properties
      return as({ type: 'group', groupId, traits, properties: withContent(others) })
    }
    case '$pageview': {
      const { $current_url: url, $pathname: path, $referrer: referrer } = properties
      return as({ type: 'page', properties: { ...given({ url, path, referrer }), ...properties } })
    }
    case '$screen':
      return as({ type: 'screen', name: properties.$screen_name })
    default:
      return as({ type: 'track', event: name })
  }
}

/** What templates, quiet hours and profiles look for under Segment's names. */
function contextOf(properties: Fields, traits: Fields, traitsOnce: Fields): Fields | undefined {
  const { $lib, $lib_version: version, $timezone: timezone, $browser_language: locale, $ip: ip } = properties
  const { $current_url: url, $pathname: path, $referrer: referrer, $raw_user_agent: userAgent } = properties
  return withContent(
    given({
      library: withContent(given({ name: $lib, version })),
      timezone,
      locale,
      ip,
      userAgent,
      page: withContent(given({ url, path, referrer })),
      traits: withContent(traits),
      traitsOnce: withContent(traitsOnce),
    }),
  )
}

/**
 * What programs send for "nobody" by mistake, as PostHog's own list has it: joining by such an id would make
 * one customer of everybody.
 */
const nobodysIds = new Set(
  'anonymous,guest,distinctid,distinct_id,id,email,undefined,null,none,nil,nan,true,false,0,[object object]'.split(
    ',',
  ),
)

function standsForSomebody(id: unknown): boolean {
  const given = firstGiven(id)
  return given !== undefined && !nobodysIds.has(String(given).trim().toLowerCase())
}

/** Both places of `$set` in one; null where one is no object. */
function merged(beside: unknown = {}, among: unknown = {}): Fields | null {
  return isObject(beside) && isObject(among) ? { ...beside, ...among } : null
}

/** The first that is an id or a time at all: clients send null and '' for "none". */
function firstGiven(...values: unknown[]): unknown {
  return values.find((value) => value !== undefined && value !== null && value !== '')
}

function given(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => firstGiven(value) !== undefined))
}

function withContent(fields: Fields): Fields | undefined {
  return Object.keys(fields).length === 0 ? undefined : fields
}
