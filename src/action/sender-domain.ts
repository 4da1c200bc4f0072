/** Of a sender, `Shop <hello@shop.example>`; in lower case. */
export function domainOf(from: string): string {
  return /@([a-z0-9.-]+)>?\s*$/i.exec(from)?.[1]?.toLowerCase() ?? 'starling.invalid'
}
