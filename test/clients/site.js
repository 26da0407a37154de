// test/clients/site.js: the example site as two workers see it in two browsers,
// and as somebody meets it who wants what is not his.
//
// Run by site() in run.sh, beside a copy of examples/site, which connects as
// SITE_ROLE; what the organisers do is done as SUPERUSER.
// Decides by what Chromium shows and by the tables, never by the site's own word
// alone. Must not need a network.
const { spawn } = require("node:child_process");
const http = require("node:http");
const net = require("node:net");
const os = require("node:os");
const { Client } = require("pg");
const { chromium } = require("playwright-core");
const axe = require("axe-core");
const { ok, same } = require("./check");

const key = "k".repeat(40);
const sessions = require("./site/session")(key, false);
const role = process.env.SITE_ROLE;
const env = {
	...process.env, SITE_KEY: key, SITE_NAME: "Green City", SITE_SPACE: "trees", SITE_TIME_ZONE: "UTC", PORT: "0",
	PGUSER: role,
};
const db = new Client({ user: process.env.SUPERUSER || os.userInfo().username });
const sql = async (text, ...values) => (await db.query(text, values)).rows;
const value = async (text, ...values) => Object.values((await sql(text, ...values))[0] ?? { none: null })[0];

// One gig after another, with the invitations of those who are named.
let gigs = 0;
async function gig(columns, ...workers) {
	const row = { title: "A gig", url: "https://example.org/gig", total_seats: 5, seats_max: null, ...columns };
	const id = await value(`INSERT INTO trees.gig (title, url, total_seats, seats_max, start_at, end_at, invitation_mode, filter_query)
		VALUES ($1, $2, $3, $4, now() + make_interval(days => $5), now() + make_interval(days => $5, hours => 3), 'manual', '{}')
		RETURNING id`, row.title, row.url, row.total_seats, row.seats_max, ++gigs);
	const invited = await sql(`SELECT w.ref, i.invitation_id FROM trees.worker w,
			trees.invite($1, ARRAY[w.id]) i WHERE w.ref = ANY ($2)`, id, workers);
	return { id, ...Object.fromEntries(invited.map((row) => [row.ref, row.invitation_id])) };
}
const status = (invitation) => value("SELECT status FROM trees.invitation WHERE id = $1", invitation);

let base;
let browser;

// A browser of its own for each worker, signed in by the link.
async function visitor(worker, options) {
	const context = await browser.newContext({ baseURL: base, viewport: { width: 390, height: 844 }, ...options });
	context.setDefaultTimeout(20000);
	const page = await context.newPage();
	if (worker !== null) {
		await page.goto(sessions.link(worker));
		await page.getByRole("button", { name: "Go on" }).click();
	}
	return page;
}

// A request of this browser's session that no page of the site makes, on a
// connection of its own: {status, headers, text}.
async function request(page, path, { token, headers, body, method = "GET", chunked } = {}) {
	const cookie = page ? (await page.context().cookies()).map((c) => `${c.name}=${c.value}`).join("; ") : "";
	const content = method === "POST" ? body ?? String(new URLSearchParams(token === undefined ? {} : { token })) : "";
	return new Promise((resolve, reject) => {
		const { hostname, port } = new URL(base);
		const sent = http.request({
			hostname, port, path, method, agent: false,
			headers: {
				cookie, ...(method === "POST" && { "content-type": "application/x-www-form-urlencoded" }),
				...(!chunked && { "content-length": Buffer.byteLength(content) }), ...headers,
			},
		}, (answer) => {
			let text = "";
			answer.setEncoding("utf8").on("data", (data) => { text += data; }).on("error", reject)
				.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
		});
		sent.on("error", reject);
		if (chunked) sent.write(content.slice(0, 10));
		sent.end(content.slice(chunked ? 10 : 0));
	});
}
const tokenOf = async (page) => page.locator("input[name=token]").first().getAttribute("value");
const main = (page) => page.locator("main").innerText();

async function accessible(page, what) {
	await page.evaluate(axe.source);
	const found = await page.evaluate(() => axe.run());
	same(`axe-core finds nothing in ${what}`, found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" ")}`), []);
}

// How the server ends a request whose headers never end.
function slow() {
	return new Promise((resolve) => {
		const start = Date.now();
		const socket = net.connect(new URL(base).port, "127.0.0.1", () => socket.write("GET / HTTP/1.1\r\nHost: x\r\n"));
		socket.resume().on("error", () => {}).on("close", () => resolve(Date.now() - start));
		setTimeout(() => socket.destroy(), 120000).unref();
	});
}

async function signIn() {
	const stranger = await visitor(null);
	const answer = await stranger.goto("/");
	same("a stranger is asked to sign in", [answer.status(), await stranger.locator("h1").innerText()], [401, "Please sign in"]);
	ok("no page runs a script, or is framed", /default-src 'none'.*frame-ancestors 'none'/.test(answer.headers()["content-security-policy"]) &&
		!answer.headers()["content-security-policy"].includes("unsafe"), answer.headers());

	const link = sessions.link("eve");
	for (const [what, bad] of [["another signature", link.slice(0, -2) + (link.endsWith("AA") ? "BB" : "AA")],
		["another worker", sessions.link("adam").split(".")[0] + "." + link.split(".")[1]],
		["yesterday's", sessions.link("eve", -1)], ["a session for a link", `/enter/${sessions.set(sessions.signedIn("eve")).split(/[=;]/)[1]}`],
		["nothing", "/enter/"], ["an unsigned one", link.split(".")[0]]])
		same(`a link with ${what} signs nobody in`, (await stranger.goto(bad)).status(), 403);

	await stranger.goto(link);
	await accessible(stranger, "the sign-in page");
	same("who only opens a link, as scanners of mail do, is not signed in", (await request(stranger, "/")).status, 401);
	const before = (await stranger.context().cookies())[0];
	const other = await visitor(null);
	await other.goto(link);
	same("nor is who is made to send another visitor's form", (await request(other, link, { method: "POST", token: await tokenOf(stranger) })).status, 403);
	await stranger.getByRole("button", { name: "Go on" }).click();
	const after = (await stranger.context().cookies())[0];
	same("signing in leads to the invitations", [new URL(stranger.url()).pathname, await stranger.locator("h1").innerText()], ["/", "Invitations"]);
	ok("with a session that is new, and a cookie that no script can read", after.value !== before.value && after.httpOnly && after.sameSite === "Lax", after);
	await stranger.context().clearCookies();
	await stranger.context().addCookies([{ ...before }]);
	same("and the one before it is still nobody's", (await request(stranger, "/")).status, 401);
	await stranger.context().close();
	await other.context().close();
}

async function theFlow() {
	const park = await gig({ title: "Plant oaks", url: "https://example.org/oaks?a=1&b=2", total_seats: 1 }, "eve", "adam");
	await gig({ title: "For Adam alone" }, "adam");
	const eve = await visitor("eve", { colorScheme: "dark" });
	const adam = await visitor("adam");
	same("a worker sees what he is invited to, and nothing else", await eve.locator("h3").allInnerTexts(), ["Plant oaks"]);
	same("and another one what he is", await adam.locator("h3").allInnerTexts(), ["Plant oaks", "For Adam alone"]);
	await accessible(eve, "the invitations");
	await adam.getByRole("link", { name: "Plant oaks" }).click();
	ok("a free seat is told and can be accepted", /0 of 1 seat taken/.test(await main(adam)) && await adam.getByRole("button", { name: "Accept" }).isVisible());

	// Eve has no mouse.
	const press = async (times) => { for (let i = 0; i < times; i++) await eve.keyboard.press("Tab"); };
	const focused = () => eve.evaluate(() => document.activeElement.innerText.trim());
	const walk = async (to) => {
		for (let i = 0; i < 15 && await focused() !== to; i++) await press(1);
		ok(`Tab reaches "${to}", and it is seen to`, await focused() === to &&
			await eve.evaluate(() => document.activeElement.matches(":focus-visible")), await focused());
	};
	await press(1);
	same("the first Tab offers to skip the navigation", await focused(), "Skip to the content");
	await walk("Plant oaks");
	await Promise.all([eve.waitForURL(/invitations/), eve.keyboard.press("Enter")]);
	await walk("Accept");
	await Promise.all([eve.waitForURL(/done=/), eve.keyboard.press("Enter")]);
	same("accepting is told where a screen reader hears it", [await focused(), await eve.getByRole("status").innerText()],
		Array(2).fill("You have a seat. Thank you. It is among your gigs now."));
	ok("in the title as well", (await eve.title()).startsWith("You have a seat · Plant oaks"), await eve.title());
	ok("the seat is counted", /1 of 1 seat taken/.test(await main(eve)), await main(eve));
	same("and accepted in the table", await status(park.eve), "accepted");
	await accessible(eve, "an accepted invitation");

	await adam.getByRole("button", { name: "Accept" }).click();
	ok("who comes late is told that the seats are taken", /^The seats are taken\. Others were faster/.test(await adam.getByRole("alert").innerText()));
	ok("and can wait or decline, not accept", await adam.getByRole("button", { name: "Accept" }).count() === 0 &&
		await adam.getByRole("link", { name: "Decline" }).isVisible());
	same("his invitation stays", await status(park.adam), "pending");
	await accessible(adam, "a filled invitation");

	await eve.goto("/gigs");
	same("the gig is among the worker's gigs", await eve.locator("h3").allInnerTexts(), ["Plant oaks"]);
	await accessible(eve, "the gigs");
	await eve.getByRole("link", { name: "Plant oaks" }).click();
	same("where its own page is a link away", await eve.getByRole("link", { name: "Open the gig's page" }).getAttribute("href"), "https://example.org/oaks?a=1&b=2");
	await eve.getByRole("link", { name: "Leave" }).click();
	same("leaving is asked about first", await status(park.eve), "accepted");
	await accessible(eve, "the question before leaving");
	await eve.getByLabel("A word to the organisers").fill("ill <b>");
	await eve.getByRole("button", { name: "Leave" }).click();
	same("then it is told", await eve.getByRole("status").innerText(), "You have given up your seat. It is free for somebody else.");
	same("and written, with the reason", await sql("SELECT status, reason FROM trees.invitation WHERE id = $1", park.eve),
		[{ status: "left", reason: "ill <b>" }]);
	await adam.goto("/");
	ok("the other sees the seat free again", /Plant oaks[^]*0 of 1 seat taken/.test(await main(adam)), await main(adam));
	await adam.getByRole("link", { name: "Plant oaks" }).click();
	await adam.getByRole("button", { name: "Accept" }).click();
	same("and takes it", [await status(park.adam), new URL(adam.url()).search], ["accepted", "?done=accepted"]);

	await adam.goto("/");
	await adam.getByRole("link", { name: "For Adam alone" }).click();
	await adam.getByRole("link", { name: "Decline" }).click();
	await adam.getByRole("button", { name: "Decline" }).click();
	same("declining is told", await adam.getByRole("status").innerText(), "You have declined. Thank you for telling us. Somebody else can be asked.");
	await adam.getByRole("link", { name: "Invitations" }).click();
	ok("and the invitation is among the earlier ones", /nothing at the moment[^]*earlier\s+For Adam alone\s+declined/i.test(await main(adam)), await main(adam));
	await eve.goto(`/invitations/${park.eve}?done=accepted`);
	same("an address says nothing that is not so", await eve.getByRole("status").count(), 0);
	return { eve, adam };
}

async function meanwhile({ eve, adam }) {
	const race = await gig({ title: "Two tabs" }, "adam");
	const tabs = [adam, await adam.context().newPage()];
	for (const tab of tabs) await tab.goto(`/invitations/${race.adam}`);
	await Promise.all(tabs.map((tab) => tab.getByRole("button", { name: "Accept" }).click()));
	for (const tab of tabs) ok("two tabs that accept at once both say so", /You have a seat/.test(await tab.getByRole("status").innerText()));
	same("it is one answer", await value("SELECT count(*)::int FROM trees.event WHERE invitation_id = $1 AND status = 'accepted'", race.adam), 1);
	await tabs[1].goto(`/invitations/${race.adam}/leave`);
	await sql("SELECT trees.reset($1)", race.adam);
	await tabs[1].getByRole("button", { name: "Leave" }).click();
	ok("who leaves what he has no more is told how it stands", /^That has changed meanwhile/.test(await tabs[1].getByRole("alert").innerText()) &&
		await tabs[1].getByRole("button", { name: "Accept" }).isVisible());
	await tabs[1].close();

	const last = await gig({ title: "The last seat", total_seats: null, seats_max: 1 }, "eve", "adam");
	for (const page of [eve, adam]) await page.goto(`/invitations/${last[page === eve ? "eve" : "adam"]}`);
	await Promise.all([eve, adam].map((page) => page.getByRole("button", { name: "Accept" }).click()));
	await Promise.all([eve, adam].map((page) => page.locator(".message").waitFor()));
	same("of two who accept the last seat at once one has it",
		(await Promise.all([eve, adam].map(async (page) => (await page.locator(".message strong").innerText())))).sort(),
		["The seats are taken.", "You have a seat."]);
	same("and the other's is closed", (await sql("SELECT status FROM trees.worker_invitation WHERE gig_id = $1 ORDER BY status", last.id)).map((row) => row.status),
		["accepted", "expired"]);

	const gone = await gig({ title: "Called off" }, "eve");
	await eve.goto(`/invitations/${gone.eve}`);
	await sql("SELECT trees.cancel($1)", gone.id);
	await eve.getByRole("button", { name: "Accept" }).click();
	ok("what was cancelled meanwhile is told", /^This gig is over/.test(await eve.getByRole("alert").innerText()) && /Cancelled/.test(await main(eve)));

	const vetoed = await gig({ title: "Vetoed" }, "eve");
	await eve.goto(`/invitations/${vetoed.eve}`);
	await sql(`CREATE FUNCTION trees.veto() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'full moon'; END $$;
		CREATE TRIGGER veto BEFORE UPDATE ON trees.invitation FOR EACH ROW EXECUTE FUNCTION trees.veto()`);
	await eve.getByRole("button", { name: "Accept" }).click();
	ok("and what a rule of the organisers forbids, in the site's words", /^The organisers' rules/.test(await eve.getByRole("alert").innerText()) &&
		!/moon/.test(await main(eve)));
	await sql("DROP FUNCTION trees.veto() CASCADE");

	const withdrawn = await gig({ title: "Withdrawn" }, "eve");
	await eve.goto(`/invitations/${withdrawn.eve}`);
	await sql("SELECT trees.expire($1)", withdrawn.eve);
	await eve.getByRole("button", { name: "Accept" }).click();
	ok("and what was withdrawn", /^This invitation is closed/.test(await eve.getByRole("alert").innerText()));
}

async function intruders({ eve, adam }) {
	const evil = await gig({ title: "<script>document.title='x'</script>", url: "javascript:document.title='y'" }, "eve");
	await sql("UPDATE trees.gig SET description = $2 WHERE id = $1", evil.id, `"><img src=x onerror="document.title='z'">`);
	await eve.goto("/");
	same("a hostile title is text", [await eve.locator("h3", { hasText: "script" }).innerText(), await eve.locator("main script, main img").count()],
		["<script>document.title='x'</script>", 0]);
	await eve.getByRole("link", { name: "document.title" }).click();
	await eve.getByRole("button", { name: "Accept" }).click();
	ok("on its page and in the window's title as well", (await eve.title()).includes("<script>document.title='x'</script>") &&
		await eve.locator("main script, main img").count() === 0, await eve.title());
	same("and an address that is none of the web's no link", await eve.getByRole("link", { name: "Open" }).count(), 0);

	const his = await gig({ title: "Adam's own" }, "adam");
	const later = await value("SELECT invitation_id FROM trees.invite($1, ARRAY[trees.worker_id('eve')], send_at => now() + interval '1 hour')", his.id);
	await eve.goto(`/invitations/${his.adam}`);
	const [adams, nobodys] = [await request(eve, `/invitations/${his.adam}`), await request(eve, "/invitations/123456789")];
	same("another's invitation is as unknown as none", [adams.status, adams.text], [404, nobodys.text]);
	same("what is not sent yet, too", (await request(eve, `/invitations/${later}`)).status, 404);
	const token = await tokenOf(eve);
	for (const what of ["accept", "decline", "leave"])
		same(`nor can it be answered: ${what}`, (await request(eve, `/invitations/${his.adam}/${what}`, { method: "POST", token })).status, 404);

	const own = await gig({ title: "Her own" }, "eve");
	const accept = `/invitations/${own.eve}/accept`;
	const forged = { "no token": {}, "an empty one": { token: "" }, "another session's": { token: await tokenOf(adam) }, "an invented one": { token: "A".repeat(43) },
		"another site's page": { token, headers: { "sec-fetch-site": "cross-site" } } };
	for (const [what, how] of Object.entries(forged))
		same(`a form with ${what} changes nothing`, (await request(eve, accept, { method: "POST", ...how })).status, 403);
	same("nor one without a session", (await request(null, accept, { method: "POST", token })).status, 403);
	const word = await gig({ title: "A word" }, "eve");
	same("a word to the organisers is a line of at most 200 characters", [(await request(eve, `/invitations/${word.eve}/decline`, { method: "POST",
		body: String(new URLSearchParams({ token, reason: `a\0b\r\nSet-Cookie: c\u0085${"😀".repeat(300)}` })) })).headers["set-cookie"],
	await value("SELECT reason FROM trees.invitation WHERE id = $1", word.eve)], [undefined, `a b Set-Cookie: c ${"😀".repeat(182)}`]);
	same("nor what is no form", (await request(eve, accept, { method: "POST", body: JSON.stringify({ token }), headers: { "content-type": "application/json" } })).status, 415);
	const much = `token=${token}&reason=${"x".repeat(100000)}`;
	same("nor too much of one, whether it tells its length or not", [(await request(eve, accept, { method: "POST", body: much })).status,
		(await request(eve, accept, { method: "POST", body: much, chunked: true })).status], [413, 413]);
	same("nor a link", [(await request(eve, accept)).status, (await request(eve, accept, { method: "HEAD" })).status], [404, 404]);
	same("nor another method", [(await request(eve, accept, { method: "PUT" })).status, (await request(eve, "/", { method: "DELETE" })).status], [405, 405]);
	same("all of it is pending still", [await status(own.eve), await status(his.adam), await status(later)], ["pending", "pending", "scheduled"]);
	same("while the form itself is good, and leads to this site alone", (await request(eve, accept, { method: "POST", token })).headers.location, `/invitations/${own.eve}?done=accepted`);

	for (const path of ["/invitations/1%27", "/invitations/1;DROP", "/invitations/0x1", "/invitations/9223372036854775808", "/invitations/99999999999999999999",
		"/invitations/-1", "/invitations/", "/invitations/1/2/3", "/invitations/1/constructor", "/../server.js", "/server.js", "/gigs/x", "/%00", "/%E0%A4%A"])
		same(`${path} is unknown`, (await request(eve, path)).status, 404);
	const raw = await new Promise((resolve) => {
		const socket = net.connect(new URL(base).port, "127.0.0.1", () => socket.write("GET //[ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
		let text = "";
		socket.on("data", (data) => { text += data; }).on("close", () => resolve(text)).on("error", resolve);
	});
	ok("so is what is no address", /^HTTP\/1.1 401/.test(raw) || /^HTTP\/1.1 404/.test(raw), raw);

	await sql("INSERT INTO trees.worker (ref) VALUES ($1)", `<b>&amp;"'`);
	for (const worker of ["x' OR true --", "'; DROP TABLE trees.invitation; --", "%", `<b>&amp;"'`, "eve\n", " "]) {
		const answer = await request(null, "/", { headers: { cookie: sessions.set(sessions.signedIn(worker)).split(";")[0] } });
		const text = answer.text;
		ok(`${JSON.stringify(worker)} sees nothing, and is text as well`, answer.status === 200 && !text.includes("/invitations/") && !text.includes("<b>") &&
			text.includes(`Signed in as <bdi>${worker.replace(/[&<>"']/g, (c) => `&${{ "&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "#39" }[c]};`)}</bdi>`), text);
	}
}

// What the role can do with SQL of its own, as somebody sees who has found a hole.
async function policies() {
	const site = new Client({ user: role });
	await site.connect();
	const attempt = async (text) => {
		try {
			return (await site.query(text)).rows.length;
		} catch (error) {
			return error.code;
		} finally {
			await site.query("ROLLBACK");
		}
	};
	const seen = async () => (await site.query(`SELECT (SELECT count(*)::int FROM trees.worker) AS workers,
		(SELECT count(*)::int FROM trees.gig) AS gigs, (SELECT count(*)::int FROM trees.invitation) AS invitations`)).rows;
	same("without a worker the role sees nobody's rows", await seen(), [{ workers: 0, gigs: 0, invitations: 0 }]);
	await site.query("BEGIN");
	await site.query("SELECT set_config('app.worker', 'ruth', true)");
	same("with one, that worker's", await seen(), [{ workers: 1, gigs: 0, invitations: 0 }]);
	await site.query("COMMIT");
	same("and after the transaction nobody's again", await seen(), [{ workers: 0, gigs: 0, invitations: 0 }]);
	const as = (text) => `BEGIN; SELECT set_config('app.worker', 'eve', true); ${text}`;
	for (const [what, text] of [["reset an answer", "UPDATE trees.invitation SET status = 'pending' WHERE status = 'accepted'"],
		["move an invitation", "UPDATE trees.invitation SET worker_id = 2"], ["invite", "INSERT INTO trees.invitation (gig_id, worker_id) VALUES (1, 1)"],
		["delete", "DELETE FROM trees.invitation"], ["read profiles", "SELECT profile FROM trees.worker"], ["read filters", "SELECT filter_query FROM trees.gig"],
		["read events", "SELECT FROM trees.event"]])
		same(`the role cannot ${what}`, await attempt(as(text)), "42501");
	for (const [space, ref] of [["ponds", 7], ["houses", "6f0e3c1e-7a53-4f43-9c1c-0d4a4e2b7a10"]]) {
		await sql(`INSERT INTO ${space}.worker (ref) VALUES ($1), (DEFAULT)`, ref);
		await site.query("BEGIN");
		await site.query("SELECT set_config('app.worker', $1, true)", [ref]);
		same(`a ref may be a ${typeof ref === "number" ? "bigint" : "uuid"}`, (await site.query(`SELECT ref FROM ${space}.worker`)).rows, [{ ref: String(ref) }]);
		await site.query("COMMIT");
	}
	await site.end();

	const workers = await value("SELECT count(*)::int FROM trees.worker");
	await sql("BEGIN");
	await sql(`CREATE ROLE ${role}_app; GRANT USAGE ON SCHEMA trees TO ${role}_app; GRANT SELECT ON trees.worker TO ${role}_app; SET ROLE ${role}_app`);
	same("another role sees what it saw before", await value("SELECT count(*)::int FROM trees.worker"), workers);
	await sql("ROLLBACK");
	same("and cirro finds nothing wrong with the Spaces", await sql("SELECT space, defect FROM cirro.spaces() WHERE defect IS NOT NULL"), []);
}

async function trouble({ eve }, log) {
	const wait = await gig({ title: "Locked" }, "eve");
	await eve.goto(`/invitations/${wait.eve}`);
	const token = await tokenOf(eve);
	await sql("BEGIN");
	await sql("SELECT FROM trees.invitation WHERE id = $1 FOR UPDATE", wait.eve);
	const answers = Array.from({ length: 15 }, () => request(eve, `/invitations/${wait.eve}/accept`, { method: "POST", token }));
	same("who waits too long is told to come again", [...new Set((await Promise.all(answers)).map((r) => r.status))], [503]);
	await sql("ROLLBACK");
	// Their ROLLBACKs may come after the answers.
	let left;
	for (let i = 0; i < 600 && left !== 0; i++) {
		left = await value(`SELECT count(*) FILTER (WHERE state <> 'idle')::int FROM pg_stat_activity WHERE usename = $1`, role);
		if (left !== 0) await new Promise((resolve) => setTimeout(resolve, 100));
	}
	same("and no connection is lost or left in a transaction", left, 0);
	same("the next request is served", (await request(eve, "/")).status, 200);

	await sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", role);
	const after = [];
	for (let i = 0; i < 20 && after.at(-1) !== 200; i++) after.push((await request(eve, "/")).status);
	ok("and so is it soon after a restart of the server", after.at(-1) === 200 && after.every((s) => s === 200 || s === 503), after);
	same("none of this is an error of the site", log.filter((line) => !/^(busy|a connection was lost): |^$/.test(line)), []);

	await eve.goto("/");
	await eve.getByRole("button", { name: "Sign out" }).click();
	same("signed out is a stranger again", [await eve.locator("h1").innerText(), (await eve.context().cookies()).length], ["Please sign in", 0]);
}

(async () => {
	await db.connect();
	await sql(`ALTER ROLE ${role} SET lock_timeout = '2s'`);
	await sql("INSERT INTO trees.worker (ref) VALUES ('eve'), ('adam'), ('ruth')");

	const log = [];
	const server = spawn(process.execPath, ["site/server.js"], { env, stdio: ["ignore", "pipe", "pipe"] });
	const ended = new Promise((resolve) => server.on("exit", (code, signal) => resolve(code ?? signal)));
	server.stderr.on("data", (data) => log.push(...String(data).split("\n")));
	process.on("exit", () => server.kill("SIGKILL"));
	base = await new Promise((resolve, reject) => {
		server.stdout.on("data", (data) => resolve(String(data).match(/http:\S+/)[0]));
		ended.then(() => reject(new Error(log.join("\n"))));
	});
	browser = await chromium.launch({
		executablePath: process.env.CHROMIUM,
		args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
	});

	const slowly = slow();
	await signIn();
	const pages = await theFlow();
	await meanwhile(pages);
	await intruders(pages);
	await policies();
	await trouble(pages, log);
	const took = await slowly;
	ok("a request that never ends is ended after some seconds", took > 1000 && took < 100000, took);

	await browser.close();
	server.kill("SIGTERM");
	same("it stops when it is told to", await ended, 0);
	await db.end();
})().catch((error) => {
	console.log(error);
	process.exit(1);
});
