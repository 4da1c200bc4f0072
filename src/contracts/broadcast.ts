import { z } from 'zod'
import { localTimeSchema } from './treatment.ts'

/** How fast the audience is taken. Without it: as fast as the machine can. */
export const paceSchema = z.union([
  /** Customers of the audience a minute, at most. */
  z.strictObject({ perMinute: z.number().int().min(1).max(1_000_000) }),
  /** Evenly, so that the last one is decided about by then. */
  z.strictObject({ until: z.iso.datetime() }),
])
export type Pace = z.infer<typeof paceSchema>

/** Once for everybody in the audience, when an operator has started it. */
export const broadcastSchema = z.strictObject({
  /** Nobody is decided about before; default: when it is started. */
  startAt: z.iso.datetime().exactOptional(),
  pace: paceSchema.exactOptional(),
  /** Each customer at this time of their own clock: on that local day, or when it comes round next. */
  atLocal: z.strictObject({ at: localTimeSchema, on: z.iso.date().exactOptional() }).exactOptional(),
})
export type Broadcast = z.infer<typeof broadcastSchema>

/**
 * Where one run of a broadcast stands, apart from its campaign's pauses.
 *
 *   start ─► taking ───────────────► done        each customer is decided about when their turn comes
 *   start ─► planning ─► waiting ─► done         at a local time: everybody gets a turn first
 *   each of them before `done` ─end of the campaign─► cancelled
 */
export type BroadcastState = 'planning' | 'waiting' | 'taking' | 'done' | 'cancelled'
