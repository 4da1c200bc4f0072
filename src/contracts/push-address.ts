/** Where a push goes: which service, and by what it knows the device. */
export type PushEndpoint =
  | { kind: 'fcm' | 'apns'; token: string }
  /** As the browser's `PushSubscription` has it; keys are base64url. */
  | { kind: 'web-push'; endpoint: string; p256dh: string; auth: string }

/**
 * An endpoint as one text, for messages and suppressions: `fcm:TOKEN`, `apns:TOKEN`,
 * `web-push:https://…#p256dh.auth`. The text says which provider can take it.
 */
export function pushAddressOf(endpoint: PushEndpoint): string {
  return endpoint.kind === 'web-push'
    ? `web-push:${endpoint.endpoint}#${endpoint.p256dh}.${endpoint.auth}`
    : `${endpoint.kind}:${endpoint.token}`
}

/** Null for what is no address of a push. */
export function parsePushAddress(address: string): PushEndpoint | null {
  const token = /^(fcm|apns):(\S+)$/.exec(address)
  if (token !== null) return { kind: token[1] as 'fcm' | 'apns', token: token[2]! }
  const web = /^web-push:(https?:\/\/[^\s#]+)#([\w-]+)\.([\w-]+)$/.exec(address)
  return web === null ? null : { kind: 'web-push', endpoint: web[1]!, p256dh: web[2]!, auth: web[3]! }
}

/** What an endpoint is known by however its keys change. */
export function pushIdentityOf(endpoint: PushEndpoint): string {
  return endpoint.kind === 'web-push' ? `web-push:${endpoint.endpoint}` : pushAddressOf(endpoint)
}

/**
 * A token of an event does not say whose it is. Those of APNs are hexadecimal (32 bytes today, up to 100 by
 * Apple's word); those of FCM never are: they hold a colon.
 */
export function endpointOfToken(token: string): PushEndpoint {
  return /^([0-9a-f]{2}){32,100}$/i.test(token)
    ? { kind: 'apns', token: token.toLowerCase() }
    : { kind: 'fcm', token }
}
