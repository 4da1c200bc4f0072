/** Shorter ones would blacken words. */
const charactersMin = 6

/**
 * Takes secrets out of a text, also as base64 and as a URL has them: a vendor's error may repeat the header or
 * the body that it got, and the text goes into rows, logs and pages.
 */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  const shapes = secrets
    .filter((secret) => secret.length >= charactersMin)
    .flatMap((secret) => [
      secret,
      encodeURIComponent(secret),
      Buffer.from(secret).toString('base64'),
      Buffer.from(secret).toString('base64url'),
    ])
  // The longest first: one may be a part of another.
  const unique = [...new Set(shapes)].sort((a, b) => b.length - a.length)
  if (unique.length === 0) return (text) => text
  return (text) => unique.reduce((redacted, shape) => redacted.replaceAll(shape, '[redacted]'), text)
}
