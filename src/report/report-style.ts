/** The page's own style, light and dark; contrasts are at least 4.5:1 for text. */
export const reportStyle = `
:root{--ground:#fbfaf7;--card:#fff;--ink:#1d2327;--soft:#5b656c;--rule:#dcdad3;--grid:#ebe9e2;
--strong:#0b6e75;--weak:#0b6e75;--good:#12703c;--bad:#a8321f;--hint:#8a5a00}
@media (prefers-color-scheme:dark){:root{--ground:#14181b;--card:#1c2226;--ink:#e9ecee;--soft:#a3adb4;--rule:#343c42;
--grid:#293036;--strong:#4cc3cc;--weak:#4cc3cc;--good:#63c98e;--bad:#f0907d;--hint:#e0b25c}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:62rem;margin:0 auto;padding:2rem 1.25rem 3rem}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .25rem}
h2{font-size:1.2rem;margin:2.25rem 0 .25rem}
.facts,footer{color:var(--soft);margin:.15rem 0;font-size:.92rem}
footer{margin-top:2.5rem;border-top:1px solid var(--rule);padding-top:.75rem}
.state{border:1px solid var(--rule);border-radius:1em;padding:0 .6em}
.headline{background:var(--card);border:1px solid var(--rule);border-left:6px solid var(--soft);border-radius:6px;
padding:.4rem 1.1rem;margin:1.25rem 0;font-size:1.1rem}
.headline p{margin:.5rem 0}
.headline.adds{border-left-color:var(--good)}
.headline.takes-away,.headline.withheld{border-left-color:var(--bad)}
.headline.too-early,.headline.too-few,.headline.not-after-correction,.headline.no-holdout{border-left-color:var(--hint)}
figure{margin:1rem 0 .25rem}
figcaption{color:var(--soft);font-size:.85rem}
.scroll{overflow-x:auto}
.forest{display:block;width:100%;min-width:44rem;height:auto;font:14px system-ui,-apple-system,"Segoe UI",sans-serif}
.forest text{fill:var(--ink)}
.forest .label{text-anchor:end}
.forest .number{font-weight:600}
.forest .muted,.forest .tick-label{fill:var(--soft);font-size:12.5px}
.forest .tick-label{text-anchor:middle}
.forest .tick{stroke:var(--grid)}
.forest .zero{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:4 3}
.forest .anytime{stroke:var(--weak);stroke-width:1.75;fill:none}
.forest .fixed{stroke:var(--strong);stroke-width:7;opacity:.45}
.forest .estimate{fill:var(--strong);stroke:var(--ground);stroke-width:1.5}
.key{display:inline-block;vertical-align:middle;width:1.6rem;height:0;margin:0 .35rem 0 .9rem;border-top:2px solid var(--weak)}
.key:first-child{margin-left:0}
.key-fixed{border-top-width:7px;border-top-color:var(--strong);opacity:.45}
.key-estimate{width:.65rem;height:.65rem;border:0;border-radius:50%;background:var(--strong)}
table{border-collapse:collapse;width:100%;margin:.75rem 0;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);padding:.25rem 0}
th,td{padding:.35rem .6rem;border-bottom:1px solid var(--rule);text-align:right;vertical-align:top}
th[scope=row]{text-align:left;font-weight:500}
th:first-child,td:first-child{padding-left:0}
thead th{color:var(--soft);font-weight:500}
td.shown{font-weight:600}
.verdicts{padding-left:1.1rem;margin:.5rem 0}
.verdicts li::marker{color:var(--soft)}
.verdicts .adds::marker{color:var(--good)}
.verdicts .takes-away::marker,.verdicts .withheld::marker{color:var(--bad)}
a{color:var(--strong)}
@media print{body{background:#fff}}
`
