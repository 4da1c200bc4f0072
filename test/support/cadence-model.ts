/**
 * What the fourteen days of `cadence-file.ts` come to for one customer, worked out from all inputs at once: no
 * state, no timers, no code of the product. Times are instants; of inputs at one instant the first comes first,
 * and all of them come before a step that is due then.
 */
export interface Input {
  at: number
  kind: 'signup' | 'visit' | 'order' | 'goodbye' | 'click'
}

export interface ModelJourney {
  enteredAt: number
  steps: [id: string, at: number][]
  end: string
  endedAt: number | null
}

const day = 86_400_000
/** `reentry: { afterDays: 3 }` */
const awayMs = 3 * day

export function modelJourneys(inputs: readonly Input[], zone: string, until: number): ModelJourney[] {
  const journeys: ModelJourney[] = []
  let mayEnterFrom = Number.NEGATIVE_INFINITY
  for (const [i, input] of inputs.entries()) {
    if (input.kind !== 'signup' || input.at < mayEnterFrom) continue
    const journey = modelJourney(input.at, inputs.slice(i + 1), zone, until)
    journeys.push(journey)
    mayEnterFrom = journey.endedAt === null ? Number.POSITIVE_INFINITY : journey.endedAt + awayMs
  }
  return journeys
}

function modelJourney(enteredAt: number, later: readonly Input[], zone: string, until: number): ModelJourney {
  const looksAt = enteredAt + 2 * day
  const has = (kind: Input['kind']) => later.some((own) => own.kind === kind && own.at <= looksAt)
  const [way, wayAt]: [string[], number] = has('click')
    ? [['extra'], looksAt]
    : has('visit')
      ? [['day-more', 'visitor'], looksAt + day]
      : [['nudge'], looksAt]
  const lastAt = nineOnDay(wayAt, 12, zone)
  const plan: [string, number][] = [
    ['hello', enteredAt],
    ['two-days', looksAt],
    ['looked', looksAt],
    ...way.map((id): [string, number] => [id, wayAt]),
    ['morning', lastAt],
    ['last', lastAt],
  ]
  const stop = later.find(({ kind }) => kind === 'order' || kind === 'goodbye')
  const stopsAt = stop !== undefined && stop.at <= lastAt ? stop.at : Number.POSITIVE_INFINITY
  const steps = plan.filter(([id, at]) => id === 'hello' || (at <= until && at < stopsAt))
  if (stopsAt < Number.POSITIVE_INFINITY)
    return {
      enteredAt,
      steps,
      end: stop!.kind === 'order' ? 'left goal_met' : 'left exit_event',
      endedAt: stopsAt,
    }
  return lastAt <= until
    ? { enteredAt, steps, end: 'completed ', endedAt: lastAt }
    : { enteredAt, steps, end: 'inside ', endedAt: null }
}

/** The instant at which a clock of the zone shows 09:00 on the local date so many days later: looked for. */
function nineOnDay(from: number, days: number, zone: string): number {
  const format = new Intl.DateTimeFormat('en-CA', {
    timeZone: zone,
    dateStyle: 'short',
    timeStyle: 'short',
    hourCycle: 'h23',
  })
  const [date = ''] = format.format(from).split(',')
  const wanted = `${new Date(Date.parse(date) + days * day).toISOString().slice(0, 10)}, 09:00`
  for (let at = from + (days - 2) * day; at < from + (days + 2) * day; at += 15 * 60_000) {
    // Inputs come on whole quarters of an hour.
    if (format.format(at) === wanted) return at
  }
  throw new Error(`no ${wanted} in ${zone}`)
}
