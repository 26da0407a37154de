/*-------------------------------------------------------------------------
 * src/report/page.c
 *
 * What all pages have: head, style, tiles, cards, foot. Decides how a page looks
 * on a screen, light or dark, on a phone and on paper, and how it is found one's
 * way in without seeing it. Must not load anything nor hold a script: the policy
 * in the head forbids both.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgtime.h"

#include "report/html.h"
#include "report/page.h"

/*
 * Colours keep the contrast of WCAG's level AA, with words and with one another;
 * nothing is told by colour alone. Charts shrink with the window, so their letters
 * grow where it is small.
 */
static const char style[] =
	":root{color-scheme:light dark;--ink:#18202a;--soft:#525e6b;--paper:#f4f6f8;--card:#fff;"
	"--line:#d9dfe6;--fill:#2573b5;--area:#2573b526;--track:#e4e9ef;--alert:#9a3a00;--wash:#fdeee3}\n"
	"@media (prefers-color-scheme:dark){:root{--ink:#e7ebf0;--soft:#a7b2be;--paper:#11161c;--card:#1a2129;"
	"--line:#303a45;--fill:#5aa7e4;--area:#5aa7e430;--track:#2d3641;--alert:#ffb084;--wash:#3b2617}}\n"
	"*{box-sizing:border-box}\n"
	"html{-webkit-text-size-adjust:100%}\n"
	"body{margin:0;background:var(--paper);color:var(--ink);"
	"font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",sans-serif;"
	"font-variant-numeric:tabular-nums}\n"
	".skip{position:absolute;left:-99em;background:var(--card);color:var(--ink);padding:.5em 1em;z-index:1}\n"
	".skip:focus{left:0;top:0}\n"
	":focus-visible{outline:3px solid var(--fill);outline-offset:2px}\n"
	"header,main,footer{max-width:76rem;margin:0 auto;padding:0 1.25rem}\n"
	"header{padding-top:2rem}\n"
	".eyebrow{margin:0;color:var(--soft);font-size:.875rem}\n"
	"h1{font-size:1.75rem;line-height:1.25;margin:.15rem 0 .5rem;font-weight:650;overflow-wrap:anywhere}\n"
	"h2{font-size:1.0625rem;line-height:1.35;margin:0;font-weight:650}\n"
	"p{margin:.25rem 0 0}\n"
	".facts{color:var(--soft);font-size:.9375rem;margin:0;overflow-wrap:anywhere}\n"
	".badge{display:inline-block;border:1px solid var(--line);border-radius:1em;padding:0 .6em;"
	"font-size:.8125rem;line-height:1.6;color:var(--soft);background:var(--card);white-space:nowrap}\n"
	".strong{color:var(--alert);background:var(--wash);border-color:currentColor;font-weight:600}\n"
	".tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:1rem;margin:1.5rem 0 0;padding:0}"
	".t5{grid-template-columns:repeat(5,1fr)}.t6{grid-template-columns:repeat(6,1fr)}\n"
	".tile{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.75rem 1rem;"
	"display:flex;flex-direction:column}\n"
	".tile.strong{border-color:var(--alert)}\n"
	"dt{color:var(--soft);font-size:.875rem}\n"
	".strong dt,.strong .word{color:inherit}\n"
	"dd{margin:0;font-size:1.75rem;line-height:1.3;font-weight:600;letter-spacing:-.01em}\n"
	".word{font-size:.8125rem;font-weight:400;letter-spacing:0;color:var(--soft)}\n"
	"main{display:grid;grid-template-columns:repeat(6,minmax(0,1fr));gap:1rem;margin-top:1rem}\n"
	"section{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem 1.25rem 1.25rem;min-width:0}\n"
	".w2{grid-column:span 2}.w3{grid-column:span 3}.w4{grid-column:span 4}.w6{grid-column:span 6}\n"
	".lead{color:var(--soft);font-size:.875rem;margin:.15rem 0 .6rem}\n"
	".big{font-size:1.375rem;font-weight:600;margin:.75rem 0 .25rem}\n"
	".nothing{color:var(--soft);margin:1.5rem 0 1rem}\n"
	".chart{display:block;width:100%;height:auto;margin-top:.5rem;overflow:visible}\n"
	".chart text{font-size:12.5px;fill:var(--soft)}\n"
	".chart .words{fill:var(--ink)}\n"
	".end{text-anchor:end}.mid{text-anchor:middle}\n"
	".grid,.axis,.moment,.level,.steps,.notch{fill:none;stroke:var(--line)}\n"
	".axis{stroke:var(--soft)}\n"
	".moment{stroke:var(--soft);stroke-dasharray:2 4}\n"
	".level{stroke:var(--ink);stroke-width:1.5}.dashed{stroke-dasharray:7 4}\n"
	".steps{stroke:var(--fill);stroke-width:2.5;stroke-linejoin:round}\n"
	".area{fill:var(--area)}\n"
	".column{fill:var(--fill)}\n"
	".outline{fill:none;stroke:var(--soft);stroke-width:1.25}\n"
	".track{fill:var(--track)}.notch{stroke:var(--ink);stroke-width:2;vector-effect:non-scaling-stroke}\n"
	".bar{display:block;width:100%;min-width:5rem;height:.6rem;border-radius:.2rem}\n"
	".scroll{overflow-x:auto;margin-top:.5rem}\n"
	"table{border-collapse:collapse;width:100%;font-size:.9375rem}\n"
	"caption{text-align:left;color:var(--soft);font-size:.875rem;padding:.25rem 0}\n"
	"th{text-align:left;color:var(--soft);font-weight:600;font-size:.8125rem;vertical-align:bottom}\n"
	"tbody th{color:inherit;font-size:inherit;font-weight:500;vertical-align:top}\n"
	"th,td{padding:.4rem .75rem .4rem 0;border-bottom:1px solid var(--line)}\n"
	"tbody tr:last-child>*{border-bottom:0}\n"
	"th:last-child,td:last-child{padding-right:0}\n"
	"td{vertical-align:top}\n"
	".n{text-align:right}.n,.when,time{white-space:nowrap}\n"
	".fill{width:18%;min-width:6rem}.fill .bar{margin-top:.45rem}\n"
	".title{min-width:14rem;overflow-wrap:anywhere}\n"
	".answers th{white-space:nowrap}.quiet{color:var(--soft)}\n"
	"details{margin-top:.75rem;font-size:.875rem}\n"
	"summary{cursor:pointer;color:var(--soft);width:max-content;max-width:100%}\n"
	"details table{font-size:.875rem}\n"
	"footer{padding-top:1rem;padding-bottom:3rem;color:var(--soft);font-size:.875rem}\n"
	"footer p{max-width:52rem;margin-top:.6rem}\n"
	"code{font-size:.9em;overflow-wrap:anywhere}\n"
	".unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}\n"
	"@media (max-width:60rem){.w2,.w4{grid-column:span 6}.t5,.t6{grid-template-columns:repeat(3,1fr)}}\n"
	"@media (max-width:46rem){.w3{grid-column:span 6}}\n"
	"@media (max-width:40rem){header,main,footer{padding-left:1rem;padding-right:1rem}"
	"header{padding-top:1.25rem}h1{font-size:1.4rem}section{padding:1rem}"
	".tiles{grid-template-columns:1fr 1fr;gap:.5rem}main{gap:.5rem;margin-top:.5rem}dd{font-size:1.5rem}"
	".chart.half text{font-size:18px}.chart.wide text{font-size:26px}.chart .minor{display:none}"
	".gigs thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}"
	".gigs,.gigs tbody,.gigs tr,.gigs th,.gigs td{display:block;width:auto}"
	".gigs tr{border-bottom:1px solid var(--line);padding:.6rem 0}.gigs tbody tr:last-child{border-bottom:0}"
	".gigs th,.gigs td{border:0;padding:.1rem 0;text-align:left;white-space:normal;min-width:0}"
	".gigs td{display:inline-block;margin-right:1rem}.gigs .fill{display:block;width:auto;margin:0 0 .2rem}"
	".answers .fill{min-width:2.5rem}.answers .bar{min-width:0}"
	".gigs td[data-label]::before{content:attr(data-label) \": \";color:var(--soft)}}\n"
	"@media (forced-colors:active){.column,.outline,.steps,.level,.track,.notch{forced-color-adjust:none}}\n"
	"@media print{:root{--ink:#000;--soft:#444;--paper:#fff;--card:#fff;--line:#bbb;--fill:#2573b5;"
	"--area:#2573b526;--track:#e4e9ef;--alert:#9a3a00;--wash:#fff;color-scheme:light}"
	"body{font-size:10pt}header,main,footer{max-width:none;padding:0}.skip,details:not([open]){display:none}"
	"section,.tile,tr{break-inside:avoid}.w6{break-inside:auto}h2{break-after:avoid}"
	"thead{display:table-header-group}.scroll{overflow:visible}.title{min-width:0}"
	".gigs{font-size:8pt}.gigs .badge{white-space:normal}th,td{padding-right:.5rem}.fill,.bar{min-width:3rem}"
	".w3{grid-column:span 3}.t6{grid-template-columns:repeat(6,1fr)}dd{font-size:1.25rem}"
	".bar,.chart{-webkit-print-color-adjust:exact;print-color-adjust:exact}}\n";

void
page_open(Report *report, const char *kind, const char *title, bool of_space)
{
	StringInfo	page = report->page;

	html(page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		 "<meta http-equiv=\"Content-Security-Policy\" "
		 "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
		 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		 "<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
	html_cut(page, title, SHORT_TITLE);
	html(page, " &#183; %s", kind);
	if (!of_space)
		html(page, " of Space %s", report->name);
	html(page, "</title>\n<style>\n");
	appendStringInfoString(page, style);
	html(page, "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the pictures</a>\n"
		 "<header>\n<p class=\"eyebrow\">%s", kind);
	if (!of_space)
		html(page, " of Space <bdi>%s</bdi>", report->name);
	html(page, "</p>\n<h1><bdi>");
	html_cut(page, title, LONG_TITLE);
	html(page, "</bdi></h1>\n");
}

void
page_close(Report *report)
{
	StringInfo	page = report->page;

	html(page, "<p>Made by cirro at ");
	html_time(page, report->now);
	html(page, ", as role <bdi>%s</bdi> sees the Space. Times are of the time zone <bdi>%s</bdi>. "
		 "Nobody's profile or name is on this page.</p>\n"
		 "</footer>\n</body>\n</html>\n",
		 GetUserNameFromId(report->reader, false), pg_get_timezone_name(session_timezone));
}

void
page_badge(Report *report, const char *word, bool strong)
{
	html(report->page, "<span class=\"badge%s\">%s</span>", strong ? " strong" : "", word);
}

void
page_tiles_open(Report *report, int columns)
{
	html(report->page, "<dl class=\"tiles t%d\">\n", columns);
}

void
page_tile(Report *report, const char *name, int64 number, const char *word, bool strong)
{
	html(report->page, "<div class=\"tile%s\"><dt>%s</dt><dd>", strong ? " strong" : "", name);
	html_count(report->page, number);
	if (word != NULL)
		html(report->page, " <span class=\"word\">%s</span>", word);
	html(report->page, "</dd></div>\n");
}

const char *
page_waiting_note(int64 waiting)
{
	return waiting <= 0 ? NULL :
		psprintf(waiting == 1 ? "%lld more waits for a seat" : "%lld more wait for a seat",
				 (long long) waiting);
}

void
page_tiles_close(Report *report)
{
	html(report->page, "</dl>\n");
}

void
page_card_open(Report *report, const char *id, int width, const char *heading, const char *sentence)
{
	html(report->page, "<section class=\"w%d\" aria-labelledby=\"%s-h\">\n<h2 id=\"%s-h\">%s</h2>\n",
		 width, id, id, heading);
	if (sentence != NULL)
		html(report->page, "<p class=\"lead\">%s</p>\n", sentence);
}

void
page_card_close(Report *report)
{
	html(report->page, "</section>\n");
}

void
page_nothing(Report *report, const char *why)
{
	html(report->page, "<p class=\"nothing\">%s</p>\n", why);
}

void
page_table_open(Report *report, const char *kind, const char *caption, bool seen)
{
	html(report->page, "<div class=\"scroll\" role=\"group\" aria-label=\"%s\" tabindex=\"0\">"
		 "<table class=\"%s\"><caption class=\"%s\">%s</caption>\n",
		 caption, kind, seen ? "seen" : "unseen", caption);
}

void
page_table_close(Report *report)
{
	html(report->page, "</tbody></table></div>\n");
}

void
page_figures_open(Report *report, const char *caption, const char *const *columns, int ncolumns)
{
	html(report->page, "<details><summary>The figures as a table</summary>\n");
	page_table_open(report, "", caption, true);
	html(report->page, "<thead><tr>");
	for (int i = 0; i < ncolumns; i++)
		html(report->page, "<th scope=\"col\" class=\"%s\">%s</th>", i > 0 ? "n" : "when", columns[i]);
	html(report->page, "</tr></thead>\n<tbody>\n");
}

void
page_figures_close(Report *report)
{
	page_table_close(report);
	html(report->page, "</details>\n");
}
