import { escapeHtml } from '#platform/html/escape-html.ts'
import { page } from '../../action/page-style.ts'

/** A page that says one thing. */
export function messagePage(title: string, text: string): string {
  return page(title, `<div class="card pad"><h1>${escapeHtml(title)}</h1><p>${escapeHtml(text)}</p></div>`)
}
