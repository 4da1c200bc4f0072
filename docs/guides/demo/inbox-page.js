/* global Starling */
// Your server asks POST /api/v1/customer-tokens with its key, for the customer who is signed in to your site.
const starling = Starling.connect({
  token: async () => (await (await fetch('/customer-token')).json()).token,
})

starling.inbox.onChange(({ items, unread }) => {
  document.querySelector('#unread').textContent = String(unread)
  document.querySelector('#messages').replaceChildren(...items.map(entryOf))
})

function entryOf(item) {
  const entry = document.createElement('li')
  entry.dataset.id = item.id
  entry.dataset.read = String(item.readAt !== null)
  const title = document.createElement('b')
  title.textContent = item.title
  const text = document.createElement('p')
  // As text: what you put into `innerHTML` is item.html, which your own template made.
  text.textContent = item.text
  entry.append(title, text)
  entry.append(button('Read', () => starling.inbox.read(item.id)))
  entry.append(button('Dismiss', () => starling.inbox.dismiss(item.id)))
  if (item.url !== '') {
    entry.append(
      button('Open', async () => {
        location.href = await starling.inbox.click(item.id)
      }),
    )
  }
  return entry
}

function button(label, onClick) {
  const element = document.createElement('button')
  element.type = 'button'
  element.textContent = label
  element.addEventListener('click', () => void onClick())
  return element
}

document.querySelector('#push').addEventListener('click', async () => {
  const state = document.querySelector('#push-state')
  try {
    const endpoint = await starling.subscribePush()
    state.textContent = endpoint === null ? 'not allowed' : `on, by ${endpoint.service}`
  } catch (error) {
    state.textContent = `failed: ${error.message}`
  }
})
