import { escapeHtml } from '#platform/html/escape-html.ts'
import { page } from './page-style.ts'

/**
 * What a GET of the unsubscribe link shows. It changes nothing (link scanners fetch it): the button posts
 * to the same address what a mailbox provider's one-click would (RFC 8058).
 */
export function unsubscribePage({
  topic,
  preferencesUrl,
}: {
  topic: string | null
  preferencesUrl: string
}): string {
  return page(
    'Unsubscribe',
    `<div class="card pad">
<h1>Unsubscribe</h1>
<p>${topic === null ? 'Press the button and we will not write to you here any more.' : `Press the button and you get no more of ${escapeHtml(topic)} here.`}</p>
<form method="post">
<input type="hidden" name="List-Unsubscribe" value="One-Click">
<button type="submit">Unsubscribe</button>
</form>
<p><a href="${escapeHtml(preferencesUrl)}">Choose what you get instead</a></p>
</div>`,
  )
}

/** The answer to the post, once the opt-out is in force. `alreadySending`: how many messages were under way. */
export function unsubscribedPage(alreadySending: number, preferencesUrl: string): string {
  const underWay =
    alreadySending === 0
      ? ''
      : `<p>${alreadySending === 1 ? 'One message was' : `${alreadySending} messages were`} already on the way
and may still arrive.</p>`
  return page(
    'Unsubscribed',
    `<div class="card pad" role="status">
<h1>You are unsubscribed</h1>
<p>It counts from now on. We are sorry to see you go.</p>
${underWay}<p><a href="${escapeHtml(preferencesUrl)}">See and change all your choices</a></p>
</div>`,
  )
}
