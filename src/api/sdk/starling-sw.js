/**
 * Starling's service worker: shows pushes, and opens what they lead to. A click is counted by the link itself, which
 * goes over the server. In a file of your own site: importScripts('https://…/sdk/starling-sw.js').
 */
;(() => {
  self.addEventListener('push', (event) => {
    const content = contentOf(event.data)
    if (content !== null) event.waitUntil(show(content))
  })

  self.addEventListener('notificationclick', (event) => {
    const { url, isStarlings } = event.notification.data ?? {}
    if (isStarlings !== true) return
    event.notification.close()
    event.waitUntil(open(url))
  })

  /** Null for what another sender of this site may have pushed. */
  function contentOf(data) {
    try {
      const content = data?.json()
      return typeof content?.messageId === 'string' && typeof content.title === 'string' ? content : null
    } catch {
      return null
    }
  }

  function show({ messageId, title, body, url, data = {} }) {
    return self.registration.showNotification(title, {
      body: body ?? '',
      // The same message once more takes the place of the first.
      tag: messageId,
      data: { isStarlings: true, messageId, url, data },
      ...(isWeb(data.icon) ? { icon: data.icon } : {}),
      ...(isWeb(data.image) ? { image: data.image } : {}),
    })
  }

  async function open(url) {
    if (isWeb(url)) return self.clients.openWindow(url)
    const [first] = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
    return first === undefined ? self.clients.openWindow('/') : first.focus()
  }

  function isWeb(url) {
    return typeof url === 'string' && /^https?:\/\//i.test(url)
  }
})()
