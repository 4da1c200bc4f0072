import { page } from './page-style.ts'

/**
 * What a GET of the unsubscribe link shows. It changes nothing (link scanners fetch it): the button posts
 * to the same address what a mailbox provider's one-click would (RFC 8058).
 */
export function unsubscribePage(): string {
  return page(
    'Unsubscribe',
    `<div class="card pad">
<h1>Unsubscribe</h1>
<p>Press the button and we will not write to you here any more.</p>
<form method="post">
<input type="hidden" name="List-Unsubscribe" value="One-Click">
<button type="submit">Unsubscribe</button>
</form>
</div>`,
  )
}

/** The answer to the post, once the opt-out is in force. `alreadySending`: how many messages were under way. */
export function unsubscribedPage(alreadySending: number): string {
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
${underWay}</div>`,
  )
}
