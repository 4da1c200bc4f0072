/** Puts the image by which an open is counted at the end of a mail. */
export function withOpenPixel(html: string, url: string): string {
  const image = `<img src="${url.replaceAll('&', '&amp;').replaceAll('"', '&quot;')}" width="1" height="1" alt="">`
  const end = html.search(/<\/body\s*>(?![\s\S]*<\/body\s*>)/i)
  return end < 0 ? html + image : html.slice(0, end) + image + html.slice(end)
}
