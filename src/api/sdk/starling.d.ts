/** What `/sdk/starling.js` puts into the page as `window.Starling`. */
export interface Starling {
  connect(options: ConnectOptions): StarlingClient
}

export interface ConnectOptions {
  /** Gets a customer token from your server: at the start, and again when one has expired. */
  token: () => string | Promise<string>
  /** Default: where the script came from. */
  url?: string
}

export interface StarlingClient {
  inbox: Inbox
  /**
   * Asks for permission where needed (call it from a click), subscribes this browser and registers it. Null where the
   * browser cannot or the customer will not. `serviceWorker`: a file of your own site, default `/starling-sw.js`.
   */
  subscribePush(options?: { serviceWorker?: string; scope?: string }): Promise<Endpoint | null>
  unsubscribePush(options?: { id?: string }): Promise<void>
  close(): void
}

export interface Inbox {
  /** Calls `listener` now and at each change; what it returns ends that. */
  onChange(listener: (state: { items: InboxItem[]; unread: number }) => void): () => void
  read(id: string): Promise<void>
  dismiss(id: string): Promise<void>
  /** Counts the click and resolves to where the message leads; '' for nowhere. */
  click(id: string): Promise<string>
}

export interface InboxItem {
  id: string
  title: string
  text: string
  /** Of your own template, with the customer's values escaped; '' where it has none. */
  html: string
  /** A link that counts the click and goes on; '' for nowhere. */
  url: string
  data: Record<string, unknown>
  /** Milliseconds UTC, as all instants here. */
  createdAt: number
  expiresAt: number
  readAt: number | null
  clickedAt: number | null
  dismissedAt: number | null
}

export interface Endpoint {
  id: string
  kind: 'fcm' | 'apns' | 'web-push'
  service: string
  createdAt: number
  seenAt: number
}
