import type { ChannelName } from '#contracts/campaign.ts'
import { escapeHtml } from '#platform/html/escape-html.ts'
import { page } from './page-style.ts'

/** What a customer may choose, and has chosen. */
export interface PreferencesView {
  workspaceName: string
  /** Where the message went by whose link they came. */
  address: string
  /** The one of that message first. */
  channels: PreferenceChannel[]
}

interface PreferenceChannel {
  channel: ChannelName
  topics: PreferenceTopic[]
}

interface PreferenceTopic {
  /** Name of the form's field: `email/news`. */
  scope: string
  /** Null: what has no topic. */
  name: string | null
  description: string
  isSubscribed: boolean
  /** A yes that waits to be confirmed. */
  isPending: boolean
}

/** What has just been done, told above the form. */
export interface PreferenceNotice {
  /** Messages that were under way when it was refused. */
  alreadySending: number
  /** Topics whose confirmation is on its way. */
  toConfirm: number
}

/**
 * The page of a message's preferences link: works without a script, says the same to ears as to eyes, and
 * changes nothing until its form is posted (link scanners fetch it).
 */
export function preferencePage(view: PreferencesView, notice: PreferenceNotice | null): string {
  return page(
    'Your preferences',
    `<header><h1>What would you like to hear from ${escapeHtml(view.workspaceName)}?</h1></header>
${notice === null ? '' : noticeOf(notice)}
<p class="soft">For ${escapeHtml(maskedAddress(view.address))}. Tick what you want, then save. It counts from that moment on.</p>
<form method="post">
${view.channels.map(fieldset).join('\n')}
<p class="actions"><button type="submit" name="do" value="save">Save my choices</button>
<button type="submit" name="do" value="nothing" class="plain">Take me off everything</button></p>
</form>
<p class="soft">Messages that you ask for yourself, such as receipts and codes, are not affected.</p>`,
    ownStyle,
  )
}

/** The page of a link to confirm (double opt-in): the button posts to the same address. */
export function confirmPage(topicName: string): string {
  return page(
    'Please confirm',
    `<div class="card pad">
<h1>Subscribe to ${escapeHtml(topicName)}?</h1>
<p>Press the button to confirm. If you did not ask for this, close the page: nothing will be sent.</p>
<form method="post"><button type="submit">Yes, subscribe me</button></form>
</div>`,
  )
}

/** After the button, or where there was nothing left to confirm. */
export function confirmedPage(topicName: string, isNew: boolean): string {
  const text = isNew
    ? 'It counts from now on. Every message has a link to change your mind.'
    : 'This was confirmed before, or you have decided otherwise since. Nothing was changed.'
  return page(
    isNew ? 'Confirmed' : 'Nothing to confirm',
    `<div class="card pad" role="status">
<h1>${isNew ? `You are subscribed to ${escapeHtml(topicName)}` : 'There is nothing to confirm'}</h1>
<p>${text}</p>
</div>`,
  )
}

const channelNames: Record<ChannelName, string> = {
  email: 'By e-mail',
  sms: 'By text message',
  push: 'By notification on your device',
  'in-app': 'In the app',
  webhook: 'In other ways',
}

const ownStyle = `
main { max-width: 40rem; }
fieldset { border: 1px solid var(--line); border-radius: 10px; background: var(--card); margin: 0 0 1rem; padding: .25rem 1.25rem .75rem; }
legend { font-weight: 600; padding: 0 .4rem; }
.choice { display: grid; grid-template-columns: 1.5rem 1fr; gap: 0 .6rem; padding: .6rem 0; align-items: start; }
.choice input { width: 1.25rem; height: 1.25rem; margin: .15rem 0 0; accent-color: #2f5bd0; }
.choice label { font-weight: 500; min-height: 1.5rem; }
.choice p { grid-column: 2; margin: .1rem 0 0; color: var(--soft); }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; }
button.plain { background: transparent; color: inherit; border: 1px solid currentcolor; }
input:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.notice { border-left: 4px solid #2e7d4f; margin-bottom: 1rem; }
.notice p { margin: .2rem 0; }
`

function fieldset({ channel, topics }: PreferenceChannel): string {
  return `<fieldset><legend>${channelNames[channel]}</legend>
${topics.map((topic) => choice(topic, topics.length === 1)).join('\n')}
</fieldset>`
}

function choice(
  { scope, name, description, isSubscribed, isPending }: PreferenceTopic,
  isOnly: boolean,
): string {
  const id = escapeHtml(`want-${scope}`)
  const value = escapeHtml(scope)
  const label = name ?? (isOnly ? 'Offers and news' : 'Everything else')
  const words = [
    isPending ? 'Waiting for you to confirm: we have sent you a message.' : '',
    name === null && !isOnly ? 'Offers and news that belong to none of the above.' : description,
  ].filter((text) => text !== '')
  const hint = words.length === 0 ? '' : `<p id="${id}-hint">${words.map(escapeHtml).join(' ')}</p>`
  return `<div class="choice"><input type="hidden" name="shown" value="${value}"><input type="checkbox" id="${id}" name="want" value="${value}"${isSubscribed ? ' checked' : ''}${hint === '' ? '' : ` aria-describedby="${id}-hint"`}><label for="${id}">${escapeHtml(label)}</label>${hint}</div>`
}

function noticeOf({ alreadySending, toConfirm }: PreferenceNotice): string {
  const underWay =
    alreadySending === 0
      ? ''
      : `<p>${alreadySending === 1 ? 'One message was' : `${alreadySending} messages were`} already on the way and may still arrive.</p>`
  const confirm =
    toConfirm === 0 ? '' : '<p>We have sent you a message: please confirm there what you subscribed to.</p>'
  return `<div class="card pad notice" role="status"><p><strong>Your choices are saved.</strong></p>${underWay}${confirm}</div>`
}

/** Whoever got the mail forwarded need not learn the whole address. */
function maskedAddress(address: string): string {
  const at = address.lastIndexOf('@')
  if (at > 0) return `${address.slice(0, 1)}…${address.slice(at)}`
  return address.length <= 4 ? '…' : `…${address.slice(-3)}`
}
