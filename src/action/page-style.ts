import { escapeHtml } from '#platform/html/escape-html.ts'

/** One sheet for the pages of this room: no external assets, light and dark, readable at any width. */
const pageStyle = `
:root { color-scheme: light dark; --line: light-dark(#e3e5ea, #33363f); --soft: light-dark(#5c6370, #a2a8b4);
  --card: light-dark(#fff, #1b1d23); --ground: light-dark(#f5f6f8, #121318); --accent: light-dark(#2f5bd0, #8fb0ff); }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: light-dark(#1d2027, #e8eaf0);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1rem; margin-bottom: 1rem; }
h1 { font-size: 1.4rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
a { color: var(--accent); }
.soft { color: var(--soft); }
.mode { border: 1px solid var(--line); border-radius: 99px; padding: .1rem .7rem; font-size: .85rem; background: var(--card); }
.mode.live { border-color: #c4372b; color: light-dark(#a3271c, #ff9b92); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }
.pad { padding: 1rem 1.25rem; }
table { width: 100%; border-collapse: collapse; }
th { text-align: left; font-weight: 600; font-size: .8rem; color: var(--soft); }
th, td { padding: .55rem 1rem; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
tr:last-child > td { border-bottom: 0; }
tbody tr:hover { background: light-dark(#fafbfc, #20232a); }
time { white-space: nowrap; }
.state { border-radius: 99px; padding: .05rem .55rem; font-size: .8rem; background: light-dark(#eceef2, #2b2e37); }
.state.sent { background: light-dark(#dff3e4, #1d3b28); }
.state.failed, .state.unknown { background: light-dark(#fbe3e0, #47221f); }
iframe { display: block; width: 100%; height: 42rem; border: 0; background: #fff; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.5 ui-monospace, monospace; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
nav { margin-top: 1rem; }
button { font: inherit; padding: .6rem 1.4rem; border: 0; border-radius: 8px; background: #2f5bd0; color: #fff; cursor: pointer; }
button:focus-visible, a:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`

/** A whole page; `body` is html, `style` what this page needs beside the sheet. */
export function page(title: string, body: string, style = ''): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(title)}</title>
<style>${pageStyle}${style}</style>
</head>
<body><main>${body}</main></body>
</html>
`
}
