// examples/site/server.js: the site's addresses, over HTTP.
//
// Decides what a request may be (method, size, time, form token) and which page
// answers it. What a worker may see or answer it leaves to the database, and
// the words to pages.js. Must not change anything on GET.
//
// SITE_KEY         signs links, sessions and forms; needed (openssl rand -hex 32)
// SITE_SPACE       the Space's schema (trees)
// SITE_HOST, PORT  where it listens (127.0.0.1, 8080)
// SITE_ORIGIN      how visitors reach it, if through a proxy: https://gigs.example.org
// SITE_NAME, SITE_TIME_ZONE, SITE_LOCALE
// PGHOST, PGUSER, PGDATABASE, …  the database, as role site of site.sql
"use strict";
const http = require("node:http");
const fs = require("node:fs");
const path = require("node:path");
const { Space, Refusal } = require("./space");

const env = process.env;
const secure = String(env.SITE_ORIGIN ?? "").startsWith("https:");
const sessions = require("./session")(env.SITE_KEY, secure);
const pages = require("./pages")({
	name: env.SITE_NAME || "Gigs",
	timeZone: env.SITE_TIME_ZONE || undefined,
	locale: env.SITE_LOCALE || "en-GB",
});
const space = new Space(env.SITE_SPACE || "trees");

const MAX_BODY = 4096;
const FILES = { "/style.css": "text/css; charset=utf-8", "/icon.svg": "image/svg+xml" };
const files = new Map(Object.entries(FILES).map(([name, type]) =>
	[name, { type, body: fs.readFileSync(path.join(__dirname, name)) }]));

// No script at all, nothing from elsewhere, in nobody's frame.
const HEADERS = {
	"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options": "nosniff",
	"Referrer-Policy": "same-origin",
	"Cross-Origin-Opener-Policy": "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	...(secure && { "Strict-Transport-Security": "max-age=31536000" }),
};

function send(response, status, body, headers) {
	response.writeHead(status, { ...HEADERS, "Content-Length": Buffer.byteLength(body), ...headers });
	response.end(response.req.method === "HEAD" ? undefined : body);
}

const sendPage = (response, status, text, cookie) => send(response, status, text, {
	"Content-Type": "text/html; charset=utf-8",
	"Cache-Control": "no-store",
	...(cookie && { "Set-Cookie": cookie }),
});

const redirect = (response, to, cookie) => send(response, 303, "", {
	Location: to, "Cache-Control": "no-store", ...(cookie && { "Set-Cookie": cookie }),
});

// The fields of a form, or a Refusal. Node ends requests that take too long.
async function form(request) {
	if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(request.headers["content-type"] ?? ""))
		throw new Refusal("method", 415);
	const chunks = [];
	let size = 0;
	try {
		// What is too much is read all the same, so that the visitor hears of it.
		for await (const chunk of request) {
			size += chunk.length;
			if (size <= MAX_BODY) chunks.push(chunk);
		}
	} catch (error) {
		throw new Refusal("broken", 400, error);	// the visitor has gone
	}
	if (size > MAX_BODY) throw new Refusal("large", 413);
	return new URLSearchParams(Buffer.concat(chunks).toString());
}

// Another site cannot know the token; browsers that tell where a request comes
// from are believed as well.
function checkForm(request, session, fields) {
	const from = request.headers["sec-fetch-site"];
	if (!session || !sessions.isToken(session, fields.get("token")) || (from && from !== "same-origin" && from !== "none"))
		throw new Refusal("forged", 403);
}

// The organisers read it as a line of text.
function reason(fields) {
	const text = (fields.get("reason") ?? "").replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").trim();
	return text === "" ? null : Array.from(text).slice(0, 200).join("");
}

// An id of PostgreSQL's bigint, or null.
const idOf = (text) => (/^[1-9][0-9]{0,18}$/.test(text) && BigInt(text) < 2n ** 63n ? text : null);

// Node takes any text for an address.
function address(request) {
	try {
		return new URL(request.url, "http://site");
	} catch {
		throw new Refusal("unknown", 404);
	}
}

const ENDS = { accept: "accepted", decline: "rejected", leave: "left" };

async function answer(request, response, session) {
	const post = request.method === "POST";
	if (!post && request.method !== "GET" && request.method !== "HEAD") throw new Refusal("method", 405);
	const url = address(request);
	const fields = post ? await form(request) : null;
	if (post) checkForm(request, session, fields);

	const [, first, second, third, ...more] = url.pathname.split("/");
	if (first === "enter" && third === undefined) return enter(response, session, url.pathname, second, post);
	const worker = session?.worker;
	if (!worker) throw new Refusal("stranger", 401);
	const context = contextOf(session);

	if (url.pathname === "/sign-out" && post) return redirect(response, "/", sessions.clear());
	if (url.pathname === "/" && !post)
		return sendPage(response, 200, pages.invitations(context, await space.invitations(worker), await space.answered(worker)));
	if (url.pathname === "/gigs" && !post)
		return sendPage(response, 200, pages.gigs(context, await space.gigs(worker), await space.past(worker)));

	const id = first === "invitations" && more.length === 0 ? idOf(second ?? "") : null;
	if (id === null) throw new Refusal("unknown", 404);
	if (third === undefined && !post) {
		const row = await space.invitation(worker, id);
		// Said only if it is so, whatever the address says.
		const done = url.searchParams.get("done");
		return sendPage(response, 200, pages.invitation({ ...context, told: done === row.status && Object.values(ENDS).includes(done) ? done : undefined }, row));
	}
	if ((third === "decline" || third === "leave") && !post) {
		const row = await space.invitation(worker, id);
		if (third === "leave" ? !row.can_leave : row.status !== "pending") return redirect(response, `/invitations/${id}`);
		return sendPage(response, 200, pages.sure(context, row, third));
	}
	if (Object.hasOwn(ENDS, third ?? "") && post) {
		try {
			await space.answer(worker, id, third, reason(fields));
		} catch (error) {
			if (!(error instanceof Refusal) || error.status !== 409) throw error;
			const row = await space.invitation(worker, id);
			return sendPage(response, 409, pages.invitation({ ...context, told: error.told, bad: true }, row));
		}
		return redirect(response, `/invitations/${id}?done=${ENDS[third]}`);
	}
	throw new Refusal("unknown", 404);
}

function enter(response, session, link, packed, post) {
	const worker = sessions.linked(packed);
	if (worker === null) throw new Refusal("stale", 403);
	if (post) return redirect(response, "/", sessions.set(sessions.signedIn(worker)));
	if (session?.worker === worker) return redirect(response, "/");
	const visit = session ?? sessions.anonymous();
	return sendPage(response, 200, pages.enter(contextOf({ ...visit, worker: null }), worker, link), session ? undefined : sessions.set(visit));
}

const contextOf = (session) => (session ? { session, token: sessions.token(session) } : {});

const server = http.createServer({
	requestTimeout: 10000, headersTimeout: 5000, connectionsCheckingInterval: 1000, keepAliveTimeout: 5000, maxHeaderSize: 8192,
}, async (request, response) => {
	const session = sessions.read(request.headers.cookie);
	try {
		const file = files.get(request.url);
		if (file && (request.method === "GET" || request.method === "HEAD"))
			return send(response, 200, file.body, { "Content-Type": file.type, "Cache-Control": "max-age=3600" });
		await answer(request, response, session);
	} catch (error) {
		const known = error instanceof Refusal;
		if (!known) console.error(error);
		else if (error.status >= 500) console.error(`${error.told}: ${error.cause?.message}`);
		if (response.headersSent) return response.destroy();
		// What is left of a body is not read.
		if (!request.complete) response.setHeader("Connection", "close");
		sendPage(response, known ? error.status : 500, pages.told(contextOf(session), known ? error.told : "broken"));
	}
});
server.maxConnections = 500;
server.setTimeout(15000);	// nor is who does not read his answer waited for

server.listen(Number(env.PORT || 8080), env.SITE_HOST || "127.0.0.1", () => {
	const { address, port } = server.address();
	console.log(`listening on http://${address.includes(":") ? `[${address}]` : address}:${port}`);
});
server.on("error", (error) => {
	console.error(error.message);
	process.exit(1);
});

// Requests that are under way are answered.
for (const signal of ["SIGTERM", "SIGINT"])
	process.once(signal, () => {
		server.close(() => space.end());
		server.closeIdleConnections();
		setTimeout(() => process.exit(0), 6000).unref();
	});
