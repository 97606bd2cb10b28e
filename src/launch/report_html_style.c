/* SPDX-License-Identifier: MIT */
/* report_html_style.c: how the page looks, and what moves in it.
 *
 * Colours are variables that exist twice, light and dark; each text has a contrast of at least
 * 4.5 to 1 on its ground. Colour is never the only sign: the budget is dashed, live bytes are
 * filled, marks have numbers, levels have heights.
 *
 * The script is only a readout: pointer over the picture, or the slider below it, by which a keyboard
 * reaches every point. Without it the slider stays hidden and the table says the same.
 */
#include <inttypes.h>

#include "launch/report_html_parts.h"

static const char *const style[] = {
    ":root{color-scheme:light dark;--ground:#fdfcfa;--ink:#1c2126;--soft:#59626b;--rule:#dfdcd5;",
    "--card:#f5f3ee;--resident:#2b6490;--resident-area:#2b649021;--live:#1d7f6c;--live-area:#"
    "1d7f6c66;",
    "--budget:#b3261e;--mark:#8a5a00;--good:#1a6b45;--bad:#b3261e;--free:#d0953a;--own:#7b6aa8;",
    "--other:#9aa3ab}",
    "@media(prefers-color-scheme:dark){:root{--ground:#15181b;--ink:#e6e8ea;--soft:#a2abb4;",
    "--rule:#31373d;--card:#1d2125;--resident:#7db8e4;--resident-area:#7db8e424;--live:#57c7b0;",
    "--live-area:#57c7b052;--budget:#ff8a80;--mark:#e5b567;--good:#7fd1a6;--bad:#ff8a80;",
    "--free:#d9a450;--own:#a898d8;--other:#6d767f}}",
    "*{box-sizing:border-box}",
    "body{margin:0;background:var(--ground);color:var(--ink);",
    "font:1rem/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",sans-serif}",
    "header,main,footer{max-width:64rem;margin:0 auto;padding:0 1.5rem}",
    "header{padding-top:2.6rem}footer{padding:1.5rem 1.5rem 3rem;color:var(--soft);",
    "font-size:.85rem}",
    ".kicker{margin:0;color:var(--soft);font-size:.9rem;overflow-wrap:anywhere}",
    "h1{font-size:clamp(1.45rem,1.1rem + 1.6vw,2.1rem);line-height:1.22;font-weight:650;",
    "letter-spacing:-.012em;margin:.3rem 0 .5rem;max-width:34em;overflow-wrap:anywhere;",
    "text-wrap:balance}",
    ".verdict{font-weight:650}.good{color:var(--good)}.bad{color:var(--bad)}",
    "h2{font-size:1.12rem;font-weight:650;margin:2.6rem 0 .6rem}",
    "p{margin:.4rem 0;max-width:44em}.lead{color:var(--soft);margin-bottom:1.3rem}",
    "a{color:var(--resident)}code,pre,kbd{font-family:ui-monospace,\"SF Mono\",Menlo,Consolas,",
    "\"DejaVu Sans Mono\",monospace;font-size:.88em}",
    "pre{background:var(--card);border:1px solid var(--rule);border-radius:.4rem;margin:.6rem 0;",
    "padding:.8rem "
    "1rem;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.45}",
    "dl.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.3rem,1fr));gap:0 "
    "1.4rem;",
    "margin:1.2rem 0 1.8rem}dl.figures div{border-top:2px solid var(--rule);padding:.45rem 0 "
    ".6rem}",
    "dt{color:var(--soft);font-size:.85rem}dd{margin:0;font-size:1.22rem;font-weight:600;",
    "font-variant-numeric:tabular-nums}dd small{display:block;font-size:.8rem;font-weight:400;",
    "color:var(--soft);line-height:1.35}",
    "figure{margin:0}figcaption{margin-top:.7rem}",
    ".plot{position:relative;height:22rem;margin:1.6rem 0 2.1rem 4.9rem}",
    ".plot.small{height:13rem}",
    ".plot>svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}",
    ".plot path{vector-effect:non-scaling-stroke;fill:none}",
    ".grid{stroke:var(--rule);stroke-width:1}",
    ".line{stroke-width:1.6;stroke-linejoin:round;stroke-linecap:round}",
    ".resident.line{stroke:var(--resident)}.plot .resident.area{fill:var(--resident-area)}",
    ".live.line{stroke:var(--live)}.plot .live.area{fill:var(--live-area)}",
    "path.budget{stroke:var(--budget);stroke-width:1.7;stroke-dasharray:9 5}",
    "path.mark{stroke:var(--mark);stroke-width:1;stroke-dasharray:2 4;opacity:.75}",
    ".axis span{position:absolute;color:var(--soft);font-size:.78rem;line-height:1;",
    "white-space:nowrap;font-variant-numeric:tabular-nums}",
    ".axis.y span{right:calc(100% + .6rem);transform:translateY(-50%)}",
    ".axis.y,.axis.x{position:absolute;inset:0}.axis.x span{top:calc(100% + .55rem);",
    "transform:translateX(-50%)}",
    ".label{position:absolute;right:0;color:var(--budget);font-size:.8rem;font-weight:600;",
    "line-height:1;background:var(--ground);padding:.15rem .3rem;border-radius:.2rem}",
    ".label.left{right:auto;left:0}.label.over{transform:translateY(calc(-100% - "
    ".22rem))}.label.under{margin-top:.22rem}",
    ".dot{position:absolute;width:.55rem;height:.55rem;margin:-.275rem;border-radius:50%;",
    "background:var(--ground);border:2px solid "
    "var(--resident)}.dot.now{background:var(--resident)}",
    ".peak{position:absolute;color:var(--resident);font-size:.8rem;font-weight:600;line-height:1;",
    "margin:.3rem .6rem;background:var(--ground);border-radius:.2rem;padding:.12rem .25rem;",
    "white-space:nowrap}.peak.above{transform:translateY(calc(-100% - .6rem))}",
    ".peak.price.before{transform:translateY(calc(-100% - 1.2rem))}",
    ".badge{position:absolute;top:-1.5rem;transform:translateX(-50%);min-width:1.3rem;",
    "padding:.12rem .3rem;border-radius:.7rem;background:var(--mark);color:var(--ground);",
    "font-size:.74rem;font-weight:650;line-height:1.06rem;text-align:center}",
    ".badge.inline{position:static;transform:none;display:inline-block}",
    "#cursor{position:absolute;top:0;bottom:0;width:1px;background:var(--ink);pointer-events:none}",
    ".lane{display:grid;grid-template-columns:4.9rem 1fr;align-items:center;height:1.25rem}",
    ".lane span{font-size:.78rem;color:var(--soft);text-align:right;padding-right:.6rem}",
    ".lane svg{width:100%;height:.95rem;border-bottom:1px solid var(--rule)}",
    ".lane path{fill:var(--mark)}.lane path.level{fill:var(--budget)}",
    ".lane path.collections{fill:var(--own)}",
    ".legend{display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;list-style:none;padding:0;margin:.6rem "
    "0;",
    "font-size:.88rem;color:var(--soft)}",
    ".key{display:inline-block;width:1.1rem;height:.72rem;margin-right:.5rem;border-radius:.12rem;",
    "background:var(--other);vertical-align:-.02rem}",
    ".key.resident{background:var(--resident-area);border-top:2px solid var(--resident)}",
    ".key.live{background:var(--live)}.key.free{background:var(--free)}.key.own{background:var(--"
    "own)}",
    ".key.budget{background:none;height:0;border-top:2px dashed var(--budget);",
    "vertical-align:.25rem;border-radius:0}",
    ".key.mark{background:none;border-left:2px dotted var(--mark);width:.4rem;border-radius:0}",
    "#readout{display:flex;flex-wrap:wrap;align-items:center;gap:.3rem 1rem;font-size:.9rem;",
    "margin:.5rem 0}#readout[hidden]{display:none}#readout input{flex:1 1 14rem;",
    "accent-color:var(--resident)}",
    "#readout output{flex:1 1 20rem;font-variant-numeric:tabular-nums;min-height:1.5em}",
    "rect.live{fill:var(--live)}rect.free{fill:var(--free)}rect.own{fill:var(--own)}",
    "rect.other{fill:var(--other)}.bar{display:block;width:100%;height:2.1rem;margin:.7rem 0}",
    ".scroll{overflow-x:auto}",
    "table{border-collapse:collapse;width:100%;font-size:.9rem;margin:.5rem 0}",
    "table.narrow{max-width:34rem}caption{text-align:left;color:var(--soft);padding:.2rem 0}",
    "th,td{text-align:left;padding:.42rem 1.1rem .42rem 0;vertical-align:top;",
    "border-bottom:1px solid var(--rule)}th{font-weight:600}thead th{color:var(--soft);",
    "font-weight:500;font-size:.82rem}td.n,th.n{text-align:right;white-space:nowrap;",
    "font-variant-numeric:tabular-nums}td.note{color:var(--soft)}tbody th code{font-weight:600}",
    "td.whose{white-space:nowrap}code{overflow-wrap:anywhere}.q{white-space:nowrap}",
    ".marks td:first-child{width:3.6rem}.marks td.n{width:6rem}",
    "summary{cursor:pointer;color:var(--resident);margin:.7rem 0 .3rem}",
    ":focus-visible{outline:2px solid var(--resident);outline-offset:3px;border-radius:.15rem}",
    "ul.next{list-style:none;padding:0;margin:.4rem 0}ul.next li{padding:.1rem 0 .1rem 1rem;",
    "border-left:3px solid var(--rule);margin:.9rem 0;max-width:46em}",
    "ul.next li:first-child{border-color:var(--resident)}ul.next code{display:inline-block;",
    "background:var(--card);border:1px solid var(--rule);border-radius:.3rem;padding:.05rem "
    ".45rem}",
    ".unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);",
    "white-space:nowrap}",
    "@media(max-width:40rem){header,main,footer{padding-left:1rem;padding-right:1.4rem}",
    "header{padding-top:1.5rem}.plot{height:16rem;margin-left:4.1rem}",
    ".lane{grid-template-columns:4.1rem 1fr}.lane span{font-size:.7rem}",
    ".axis span{font-size:.7rem}.axis.x span:nth-child(even){display:none}",
    "dl.figures{grid-template-columns:1fr 1fr}.parts .note{display:none}",
    ".settings thead{display:none}.settings tr,.settings td,.settings tbody th{display:block;",
    "border:0;padding:.05rem 0}.settings tr{border-bottom:1px solid var(--rule);padding:.5rem 0}",
    ".settings td.whose{color:var(--soft)}}",
    "@media print{:root{--ground:#fff;--ink:#000;--soft:#444;--rule:#bbb;--card:#fff;",
    "--resident:#1f4f75;--resident-area:#1f4f7521;--live:#156353;--live-area:#15635366;",
    "--budget:#9c1d16;--mark:#6d4700;--good:#155a3a;--bad:#9c1d16}body{font-size:10pt}",
    "#readout,#cursor{display:none!important}h2{break-after:avoid}",
    "figure,table,li,pre{break-inside:avoid}*{print-color-adjust:exact}}",
};

void ul_html_style(FILE *out) {
  fputs("<style>\n", out);
  for (size_t i = 0; i < UL_ARRAY_LEN(style); i++) fprintf(out, "%s\n", style[i]);
  fputs("</style>\n", out);
}

/* The policy of the page permits this one script, by its SHA-256, and no other: so it is constant, and
 * the points are data. Who changes a byte of it changes UL_HTML_SCRIPT_HASH, too; until then the browser
 * refuses it, tests/e2e fails, and the browser's console names the right one. */
static const char *const script[] = {
    "(function(){'use strict';",
    "const P=JSON.parse(document.getElementById('points').dataset.points);",
    "const box=document.getElementById('readout'),slider=document.getElementById('moment'),",
    "said=document.getElementById('said'),plot=document.getElementById('plot'),",
    "cursor=document.getElementById('cursor');",
    "if(!P.length||!box||!plot)return;",
    "const end=Number(cursor.dataset.end);",
    "function time(us){const s=us/1e6;return s<1?(us/1e3).toFixed(0)+' ms':",
    "s<120?s.toFixed(2)+' s':s<7200?Math.floor(s/60)+' min '+Math.floor(s%60)+' s':",
    "Math.floor(s/3600)+' h '+Math.floor(s/60%60)+' min';}",
    "function size(k){return (k/1024).toFixed(1)+' MiB';}",
    "function say(i){const p=P[i];slider.value=i;",
    "const text='at '+time(p[0])+': '+size(p[1])+' resident'+(p[2]<0?'':', '+size(p[2])+' live');",
    "said.textContent=text;slider.setAttribute('aria-valuetext',text);}",
    "function show(i){say(i);cursor.hidden=false;cursor.style.left=(100*P[i][0]/end)+'%';}",
    "function near(us){let a=0,b=P.length-1;",
    "while(a<b){const m=(a+b)>>1;if(P[m][0]<us)a=m+1;else b=m;}",
    "return a>0&&us-P[a-1][0]<P[a][0]-us?a-1:a;}",
    "let top=0;for(let i=1;i<P.length;i++)if(P[i][1]>P[top][1])top=i;",
    "slider.max=P.length-1;box.hidden=false;say(top);",
    "slider.addEventListener('input',function(){show(Number(slider.value));});",
    "plot.addEventListener('pointermove',function(e){const r=plot.getBoundingClientRect();",
    "const share=Math.min(1,Math.max(0,(e.clientX-r.left)/r.width));show(near(share*end));});",
    "})();",
};

/* [µs of the highest, KiB resident, KiB live or -1] for each point. */
static void write_points(FILE *out, const ul_timeline *timeline) {
  fputs("<div id=\"points\" hidden data-points=\"[", out);
  for (size_t i = 0; i < timeline->count; i++) {
    const ul_timeline_point *point = &timeline->point[i];
    fprintf(out, "%s[%" PRIu64 ",%" PRIu64 ",", i ? "," : "", point->at_ns / 1000,
            point->resident_bytes / 1024);
    if (point->live_bytes == UL_TIMELINE_NO_LIVE) {
      fputs("-1]", out);
    } else {
      fprintf(out, "%" PRIu64 "]", point->live_bytes / 1024);
    }
    if (i % 6 == 5) fputs("\n", out);
  }
  fputs("]\"></div>\n", out);
}

void ul_html_script(FILE *out, const ul_timeline *timeline) {
  write_points(out, timeline);
  fputs("<script>\n", out);
  for (size_t i = 0; i < UL_ARRAY_LEN(script); i++) fprintf(out, "%s\n", script[i]);
  fputs("</script>\n", out);
}
