// examples/site/pages.js: the site's HTML, and every word of it.
//
// Decides how things look to a worker. What comes from the database is hostile:
// html`…` escapes all that is put into it, and only what html`…` made goes in as
// it is. Must not ask the database, and contains no script.
"use strict";

class Html {
	constructor(text) { this.text = text; }
	toString() { return this.text; }
}

const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escaped(value) {
	if (value instanceof Html) return value.text;
	if (Array.isArray(value)) return value.map(escaped).join("");
	if (value === null || value === undefined || value === false) return "";
	return String(value).replace(/[&<>"']/g, (c) => ENTITIES[c]);
}

const html = (parts, ...values) =>
	new Html(parts.reduce((text, part, i) => text + escaped(values[i - 1]) + part));

// What is told of an error or an answer: [heading, what to do now].
const TOLD = {
	accepted: ["You have a seat", "Thank you. It is among your gigs now."],
	rejected: ["You have declined", "Thank you for telling us. Somebody else can be asked."],
	left: ["You have given up your seat", "It is free for somebody else."],
	filled: ["The seats are taken", "Others were faster. If one of them leaves, the seat is free again: look here later."],
	over: ["This gig is over", "It has ended or was cancelled, so there is nothing left to answer."],
	closed: ["This invitation is closed", "It was answered, withdrawn, or the time to answer is over."],
	elsewhere: ["That has changed meanwhile", "You may have answered in another window. This is how it stands now."],
	vetoed: ["The organisers' rules do not allow this", "Please ask the organisers."],
	unknown: ["There is no such page", "It may belong to somebody else, or the address is incomplete."],
	busy: ["We cannot reach our records", "Please load the page again in a minute, and see how it stands."],
	forged: ["This form is too old", "Nothing was changed. Please go back, load the page again and answer once more."],
	stranger: ["Please sign in", "Open the link in your last invitation mail. It is valid for two weeks."],
	stale: ["This link is no longer valid", "Open the one in your last invitation mail: a link is good for two weeks."],
	large: ["That was too much", "Please write less."],
	method: ["That cannot be done here", "Please go back and use the buttons of the page."],
	broken: ["Something went wrong", "It was noted. Please try again later."],
};

const STATUS = {
	pending: "Invited", waiting: "You get the next free seat", accepted: "You have a seat", rejected: "Declined", left: "You left", expired: "Closed",
};

// Why an invitation has expired; other reasons are the organisers' own notes.
const REASON = new Map([
	["seats_filled", "The seats were taken."],
	["gig_ended", "The gig has ended."],
	["gig_cancelled", "The gig was cancelled."],
	["no_answer", "The time to answer is over."],
	["worker_inactive", "You were not available."],
]);

module.exports = function pages({ name, timeZone, locale }) {
	const day = new Intl.DateTimeFormat(locale, { timeZone, weekday: "short", day: "numeric", month: "short", year: "numeric" });
	const clock = new Intl.DateTimeFormat(locale, { timeZone, hour: "2-digit", minute: "2-digit" });
	const zone = new Intl.DateTimeFormat(locale, { timeZone, timeZoneName: "short" });
	const zoneOf = (date) => zone.formatToParts(date).find((part) => part.type === "timeZoneName").value;
	// PostgreSQL knows infinity and years that a Date does not.
	const isDate = (date) => date instanceof Date && !Number.isNaN(date.getTime());

	const moment = (date) => isDate(date)
		? html`<time datetime="${date.toISOString()}">${day.format(date)}, ${clock.format(date)}</time>` : html`open`;

	function span(from, to) {
		if (!isDate(from) || !isDate(to)) return html`${moment(from)} – ${moment(to)}`;
		const end = day.format(from) === day.format(to)
			? html`<time datetime="${to.toISOString()}">${clock.format(to)}</time>` : moment(to);
		return html`${moment(from)} – ${end} <small>${zoneOf(from)}</small>`;
	}

	function seats({ accepted, seats: all, is_limited: limited }) {
		const text = limited ? `${accepted} of ${all} ${all === 1 ? "seat" : "seats"} taken` : `${accepted} coming, ${all} needed`;
		return html`<p class="seats"><progress value="${Math.min(accepted, all)}" max="${all}" aria-hidden="true"></progress>
			<span>${text}</span></p>`;
	}

	const badge = (kind, text) => html`<p class="badge ${kind}">${text}</p>`;
	const isOpen = (row) => row.phase === "created" || row.phase === "started";

	function state(row) {
		if (row.cancelled_at) return badge("bad", "Cancelled");
		if (row.status === "pending" && !row.can_accept) return badge("", "Filled");
		if (row.status === "accepted" && !isOpen(row)) return badge("", "Past");
		return badge(row.status === "accepted" ? "good" : "", STATUS[row.status]);
	}

	// In a list only what its heading does not say.
	const isNews = (row) => row.cancelled_at || !(row.status === "accepted" || (row.status === "pending" && row.can_accept));

	const path = (row, what) => `/invitations/${row.id}${what ? `/${what}` : ""}`;

	const card = (row) => html`
		<li><article>
			<header><h3 dir="auto"><a href="${path(row)}">${row.title}</a></h3>${isNews(row) && state(row)}</header>
			<p class="when">${span(row.start_at, row.end_at)}</p>
			${isOpen(row) && (row.status === "pending" || row.status === "accepted") ? seats(row) : ""}
			${row.status === "expired" && REASON.has(row.reason) ? html`<p class="hint">${REASON.get(row.reason)}</p>` : ""}
		</article></li>`;

	const cards = (rows) => html`<ul class="cards">${rows.map(card)}</ul>`;

	const hidden = (token) => html`<input type="hidden" name="token" value="${token}">`;

	// The message comes first in the title and has the focus, so that it is heard.
	const message = (told, bad) => told && html`
		<div class="message ${bad ? "bad" : "good"}" role="${bad ? "alert" : "status"}" tabindex="-1" autofocus>
			<strong>${TOLD[told][0]}.</strong> ${TOLD[told][1]}</div>`;

	function page({ title, told, bad, session, token, here, body }) {
		const link = (to, text) => html`<a href="${to}"${here === to ? html` aria-current="page"` : ""}>${text}</a>`;
		return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${told ? `${TOLD[told][0]} · ` : ""}${title} · ${name}</title>
<link rel="stylesheet" href="/style.css">
<link rel="icon" href="/icon.svg" type="image/svg+xml">
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top"><div>
	<p class="brand"><a href="/">${name}</a></p>
	${session?.worker ? html`
	<nav aria-label="Pages">${link("/", "Invitations")}${link("/gigs", "Your gigs")}</nav>
	<form method="post" action="/sign-out">${hidden(token)}<button class="plain">Sign out</button></form>` : ""}
</div></header>
<main id="main">${message(told, bad)}${body}</main>
${session?.worker ? html`<footer><p>Signed in as <bdi>${session.worker}</bdi></p></footer>` : ""}
</body>
</html>
`.text;
	}

	return {
		invitations: (context, open, answered) => page({ ...context, title: "Invitations", here: "/", body: html`
			<h1>Invitations</h1>
			<section aria-labelledby="open"><h2 id="open">Waiting for your answer</h2>
			${open.length ? cards(open) : html`<p class="empty">Nothing at the moment. We write to you when a gig suits you.</p>`}</section>
			${answered.length ? html`<section aria-labelledby="answered"><h2 id="answered">Earlier</h2>${cards(answered)}</section>` : ""}` }),

		gigs: (context, gigs, past) => page({ ...context, title: "Your gigs", here: "/gigs", body: html`
			<h1>Your gigs</h1>
			<section aria-labelledby="coming"><h2 id="coming">Coming</h2>
			${gigs.length ? cards(gigs) : html`<p class="empty">You have no seat yet. <a href="/">See your invitations</a>.</p>`}</section>
			${past.length ? html`<section aria-labelledby="past"><h2 id="past">Past</h2>${cards(past)}</section>` : ""}` }),

		invitation: (context, row) => page({ ...context, title: row.title, body: html`
			<article class="gig">
			${state(row)}
			<h1 dir="auto">${row.title}</h1>
			<p class="when">${span(row.start_at, row.end_at)}</p>
			${row.description ? html`<p class="text" dir="auto">${row.description}</p>` : ""}
			${isOpen(row) ? seats(row) : ""}
			${row.status === "pending" ? html`
				${row.can_accept || context.told === "filled" ? "" : html`<p class="hint">The seats are taken. If somebody leaves, you can still accept.</p>`}
				<div class="answers">
				${row.can_accept ? html`<form method="post" action="${path(row, "accept")}">${hidden(context.token)}<button class="main">Accept</button></form>` : ""}
				<a class="button" href="${path(row, "decline")}">Decline</a></div>
				${row.answer_by < row.end_at ? html`<p class="hint">Please answer by ${moment(row.answer_by)}.</p>` : ""}` : ""}
			${row.status === "accepted" ? html`
				<div class="answers">${gigLink(row.url)}
				${row.can_leave ? html`<a class="button" href="${path(row, "leave")}">Leave this gig</a>` : ""}</div>` : ""}
			${row.status === "expired" && REASON.has(row.reason) ? html`<p class="hint">${REASON.get(row.reason)}</p>` : ""}
			</article>` }),

		// asks before what cannot be taken back
		sure: (context, row, what) => page({ ...context, title: what === "leave" ? "Leave this gig?" : "Decline?", body: html`
			<article class="gig">
			<h1>${what === "leave" ? "Leave this gig?" : "Decline this invitation?"}</h1>
			<p class="name" dir="auto">${row.title}</p>
			<p class="when">${span(row.start_at, row.end_at)}</p>
			<p>${what === "leave" ? "Your seat goes to somebody else" : "Somebody else is asked in your place"}, and you cannot take this back yourself.</p>
			<form method="post" action="${path(row, what)}">${hidden(context.token)}
			<label for="reason">A word to the organisers <small>(if you like)</small></label>
			<input id="reason" name="reason" maxlength="200" autocomplete="off" aria-describedby="reason-hint">
			<p class="hint" id="reason-hint">At most 200 characters. Only the organisers see it.</p>
			<div class="answers"><button class="main bad">${what === "leave" ? "Leave" : "Decline"}</button>
			<a class="button" href="${path(row)}">Back</a></div>
			</form></article>` }),

		// A link is opened by scanners of mail, too: only the button signs in.
		enter: (context, worker, link) => page({ ...context, title: "Sign in", body: html`
			<h1>Welcome</h1>
			<p>This link is for <strong><bdi>${worker}</bdi></strong>. Do not pass it on.</p>
			<form method="post" action="${link}">${hidden(context.token)}
			<div class="answers"><button class="main">Go on</button></div></form>` }),

		told: (context, told) => page({ ...context, title: TOLD[told][0], body: html`
			<h1>${TOLD[told][0]}</h1><p>${TOLD[told][1]}</p>
			${context.session?.worker ? html`<p><a class="button" href="/">To your invitations</a></p>` : ""}` }),
	};

	// The gig's own page; an address of another kind, javascript: above all, is no link.
	function gigLink(url) {
		let parsed;
		try { parsed = new URL(url); } catch { return ""; }
		if (parsed.protocol !== "https:" && parsed.protocol !== "http:") return "";
		return html`<a class="button main" href="${parsed.href}" rel="noopener noreferrer external">Open the gig's page</a>`;
	}
};
