/**
 * Whether a request for a link looks like a mail scanner's or a preview's rather than a reader's: they ask
 * with HEAD, name themselves, or name nothing. What passes for a browser cannot be told apart here.
 */
export function isSuspectedScanner(method: string, userAgent: string): boolean {
  return method === 'HEAD' || userAgent.trim() === '' || knownScanners.test(userAgent)
}

/** Names that scanners, link previews and plain HTTP libraries give themselves in their user agents. */
const knownScanners =
  /bot\b|crawl|spider|scanner|preview|proofpoint|mimecast|barracuda|safelinks|urldefense|facebookexternalhit|whatsapp|slack|skype|curl\/|wget\/|python|java\/|go-http-client|okhttp|headless/i
