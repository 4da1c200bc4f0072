import type { JsonObject } from '#contracts/json.ts'
import type { ShopEvent } from '../../simulate/shop.ts'

/** A shop's events as a Segment client would send them, for the in-process door. */
export function segmentBatch(events: ShopEvent[]): JsonObject {
  return {
    batch: events.map(({ type, messageId, timestamp, userId, anonymousId, event, properties, traits }) => ({
      type,
      messageId,
      timestamp: new Date(timestamp).toISOString(),
      ...(userId === undefined ? {} : { userId }),
      ...(anonymousId === undefined ? {} : { anonymousId }),
      ...(event === undefined ? {} : { event }),
      ...(properties === undefined ? {} : { properties }),
      ...(traits === undefined ? {} : { traits }),
    })),
  }
}
