import type { CustomerEvent } from '#contracts/event.ts'
import { endpointOfToken, type PushEndpoint } from '#contracts/push-address.ts'

const tokenCharactersMax = 1024

/**
 * The device that an event says the customer is reached at: `context.device.token`, else the trait `deviceToken`
 * of an identify. Null for what cannot be a token.
 */
export function deviceTokenOf({
  kind,
  payload,
}: Pick<CustomerEvent, 'kind' | 'payload'>): PushEndpoint | null {
  const device = payload.context?.device as { token?: unknown } | undefined | null
  const token = device?.token ?? (kind === 'identify' ? payload.traits?.deviceToken : undefined)
  if (typeof token !== 'string' || token.length > tokenCharactersMax || !/^\S+$/.test(token)) return null
  return endpointOfToken(token)
}
