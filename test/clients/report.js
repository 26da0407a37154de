// test/clients/report.js: the pages of cirro.report() as a browser, a validator of
// HTML and a checker of accessibility see them.
//
// Run by report() in run.sh. Decides by what Chromium does with a saved page, whose
// titles and names are as hostile as they can be: nothing runs, nothing is fetched,
// nothing sticks out of a phone. With SHOTS=folder it leaves pictures there, to be
// looked at. Must not need a network.
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const axe = require("axe-core");
const { HtmlValidate } = require("html-validate");
const { Client } = require("pg");
const { chromium } = require("playwright-core");
const { ok, same } = require("./check");

const db = new Client();
const sql = async (text, ...values) => (await db.query(text, values)).rows;
const report = async (space, gig = null) =>
	(await sql("SELECT cirro.report($1::name, $2::bigint) AS page", space, gig))[0].page;

const run = "document.title='pwned';fetch('https://example.org/')";
const titles = [
	`<script>${run}</script>`,
	`</title></style></svg><script>${run}</script><img src=x onerror="${run}">`,
	`" onload="${run}" x="' onclick='${run}' style='position:fixed`,
	`--><!--]]></desc><svg onload="${run}"><a href="javascript:${run}">`,
	"&lt;b&gt; &amp; &#0; &unknown;",
	"\u0001\u0008\u000b\u001f\u007f\u0085\ufdd0\ufffe\u{10ffff} controls and noncharacters",
	"\u202Eright to left for ever \u2066 isolated",
	"زراعة شجرة الزيتون (12) يوم الجمعة",
	"ע".repeat(40),
	"x".repeat(10 * 1024),
	"Z\u0335\u0310\u0361".repeat(3000),
	"\u{1F333}\u{1F469}\u200D\u{1F33E}\n\t\r two lines",
];

// Titles as gigs, some answers, a consumer as hostile as they are.
async function fill()
{
	await sql("INSERT INTO trees.worker (id, profile) SELECT w, '{\"n\": 1}' FROM generate_series(1, 60) w");
	await sql("INSERT INTO trees.consumer (name) VALUES ($1)", `"><img src=x onerror=${run}>`.slice(0, 250));
	for (const [i, title] of titles.entries())
		await sql(`INSERT INTO trees.gig (id, title, url, start_at, end_at, total_seats, seats_max, invitation_mode, filter_query)
			VALUES ($1, $2, $2, now() + interval '1 day', now() + interval '2 days', 5, $3, 'manual', '{"n": 1}')`,
			i + 1, title, i % 2 === 0 ? 8 : null);
	await sql(`INSERT INTO trees.gig (id, title, url, start_at, end_at, total_seats, invitation_multiplier, filter_query)
		VALUES (100, 'Many waves', 'u', now() + interval '1 day', now() + interval '2 days', 12, 1.5, '{"n": 1}'),
			(101, 'Nobody', 'u', now() + interval '1 day', now() + interval '2 days', 3, 2, '{"n": 2}')`);
	await sql("SELECT trees.invite(g, ARRAY(SELECT w FROM generate_series(1, 40) w)) FROM generate_series(1, 4) g");
	for (let wave = 0; wave < 3; wave++) {
		await sql("SELECT trees.run_wave(100), trees.run_wave(101)");
		await sql("SELECT trees.try_accept(i.id) FROM trees.invitation i WHERE i.status = 'pending' AND i.id % 7 = $1", wave);
		await sql("SELECT trees.reject(i.id) FROM trees.invitation i WHERE i.status = 'pending' AND i.id % 5 = $1", wave);
	}
	await sql(`SELECT trees.leave(i.id) FROM trees.invitation i WHERE i.status = 'accepted' AND i.id % 3 = 0`);
	// Another Space, in which gigs are many and titles long.
	await sql(`INSERT INTO ponds.gig (title, url, start_at, end_at, total_seats, invitation_mode, filter_query)
		SELECT repeat('"<&>ü', 200) || g, 'u', now() + g * interval '1 hour', now() + (g + 1) * interval '1 hour', g, 'manual', '{}'
		FROM generate_series(1, 2000) g`);
}

const validator = new HtmlValidate({
	extends: ["html-validate:recommended"],
	// Advice for search engines.
	rules: { "long-title": "off" },
});

async function main()
{
	await db.connect();
	await fill();
	const pages = {
		space: await report("trees"),
		many: await report("ponds"),
		empty: await report("houses"),
		waves: await report("trees", 100),
		nobody: await report("trees", 101),
		...Object.fromEntries(await Promise.all(titles.map(async (_, i) => [`title-${i + 1}`, await report("trees", i + 1)]))),
	};
	const names = Object.keys(pages);
	same("there is something to draw: answers of each kind", (await sql(`SELECT DISTINCT i.status FROM trees.invitation i
		WHERE i.gig_id <= 4 ORDER BY 1`)).map((row) => row.status), ["accepted", "expired", "left", "pending", "rejected"]);
	const size = Buffer.byteLength(pages.many);
	ok(`the page of 2,000 gigs with long titles has at most 2 MB (${size} bytes)`, size <= 2 * 1024 * 1024);
	ok("and says how many it leaves out", pages.many.includes("1&#8239;500 more gigs"));
	same("no page is longer", names.filter((name) => Buffer.byteLength(pages[name]) > 2 * 1024 * 1024), []);
	same("all are ASCII without control characters", names.filter((name) => /[^\n\t\x20-\x7e]/.test(pages[name])), []);
	for (const name of names) {
		const result = await validator.validateString(pages[name]);
		if (!result.valid) same(`${name} is valid HTML`, result.results.flatMap((r) => r.messages.map((m) => `${m.line}: ${m.message}`)), []);
		fs.writeFileSync(`${name}.html`, pages[name]);
	}
	ok(`html-validate has looked at ${names.length} pages`, true);

	const browser = await chromium.launch({
		executablePath: process.env.CHROMIUM,
		args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync"],
	});
	const shots = process.env.SHOTS;
	const main = ["space", "empty", "waves", "nobody"];
	const looks = [
		{ look: "light", seen: [...main, "title-1", "title-2", "title-3"], width: 1200, options: { colorScheme: "light" } },
		{ look: "dark", seen: main, width: 1200, options: { colorScheme: "dark" } },
		{ look: "tablet", seen: ["space", "waves"], width: 800, options: {} },
		{ look: "phone", seen: names, width: 360, options: {} },
	];
	for (const { look, seen, width, options } of looks) {
		const context = await browser.newContext({ viewport: { width, height: 900 }, bypassCSP: true, ...options });
		const page = await context.newPage();
		const requests = [];
		const told = [];
		page.on("request", (request) => requests.push(request.url()));
		page.on("console", (message) => told.push(message.text()));
		page.on("pageerror", (error) => told.push(String(error)));
		page.on("dialog", (dialog) => { told.push("a dialog"); dialog.dismiss(); });
		for (const name of seen) {
			const url = pathToFileURL(path.resolve(`${name}.html`)).href;
			requests.length = 0;
			told.length = 0;
			await page.goto(url);
			const state = await page.evaluate(() => ({
				title: document.title, scripts: document.scripts.length,
				handlers: [...document.querySelectorAll("*")].filter((e) => [...e.attributes].some((a) => /^on|^(src|href)$/i.test(a.name)
					&& a.value !== "#main")).length,
				sticks: document.documentElement.scrollWidth - innerWidth,
				elements: document.querySelectorAll("img, iframe, object, embed, link, form, a:not(.skip)").length,
			}));
			const good = state.title !== "pwned" && state.scripts + state.handlers + state.elements === 0 && state.sticks <= 0
				&& requests.length === 1 && requests[0] === url && told.length === 0;
			if (!good) ok(`${name}, ${look}: nothing runs, is fetched or sticks out`, false, { state, requests, told });
			if (shots) await page.screenshot({ path: path.join(shots, `${name}-${look}.png`), fullPage: name !== "many" });
			if (main.includes(name)) {
				await page.evaluate(axe.source);
				const { violations } = await page.evaluate(() => globalThis.axe.run(document));
				if (violations.length) ok(`${name}, ${look}: axe finds nothing`, false,
					violations.map((v) => [v.id, v.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 150)} ${n.failureSummary}`)]));
			}
		}
		ok(`${look}: nothing ran, was fetched or stuck out, and axe has looked`, true);
		await context.close();
	}

	// As it is without bypassing its own policy, by keyboard and on paper.
	const page = await (await browser.newContext({ viewport: { width: 1000, height: 700 } })).newPage();
	await page.goto(pathToFileURL(path.resolve("waves.html")).href);
	await page.keyboard.press("Tab");
	same("the first stop of the keyboard leads to the pictures",
		await page.evaluate(() => [document.activeElement.textContent, document.activeElement.getBoundingClientRect().left >= 0]),
		["Skip to the pictures", true]);
	await page.keyboard.press("Enter");
	same("and does so", await page.evaluate(() => location.hash), "#main");
	await page.keyboard.press("Tab");
	await page.keyboard.press("Enter");
	ok("the next opens the figures of the first", await page.locator("#seats-h ~ details[open] table caption").isVisible());
	for (const name of ["Seats over time", "Waves by size", "How fast answers come"])
		ok(`a screen reader has "${name}" and a description`, await page.getByRole("img", { name }).count() === 1
			&& await page.getByRole("img", { name }).evaluate((e) => e.querySelector("desc").textContent.length > 30));
	same("headings come in order", await page.locator("h1, h2, h3").evaluateAll((all) => all.map((h) => h.tagName).join(" ")),
		"H1 H2 H2 H2 H2 H2");
	await page.goto(pathToFileURL(path.resolve("title-7.html")).href);
	same("an override of the direction does not reach the title", await page.title(),
		"right to left for ever isolated · Report of a gig of Space trees");
	await page.goto(pathToFileURL(path.resolve("title-8.html")).href);
	ok("a title is isolated from the text around it", await page.locator("h1 bdi").count() === 1);
	for (const name of ["space", "waves"]) {
		await page.goto(pathToFileURL(path.resolve(`${name}.html`)).href);
		const pdf = await page.pdf({ format: "A4", margin: { top: "12mm", bottom: "12mm", left: "12mm", right: "12mm" } });
		const sheets = (pdf.toString("latin1").match(/\/Type\s*\/Page\b/g) ?? []).length;
		ok(`${name} prints on ${sheets} sheets`, sheets >= 1 && sheets <= 4);
		if (shots) fs.writeFileSync(path.join(shots, `${name}.pdf`), pdf);
	}
	// The picture that the manual shows, and that it can be made anew.
	execFileSync("perl", [path.join(process.env.TOP, "test/demo/picture.pl"), "waves.html", "waves.svg"]);
	for (const picture of [path.resolve("waves.svg"), path.join(process.env.TOP, "docs/gig.svg")]) {
		await page.goto(pathToFileURL(picture).href);
		ok(`${path.basename(picture)} is a picture of its own, with a title and a line of steps`,
			fs.statSync(picture).size < 60000 && await page.evaluate(() => document.documentElement.localName === "svg"
				&& document.documentElement.namespaceURI === "http://www.w3.org/2000/svg" && !document.querySelector("parsererror, script, image")
				&& document.querySelector("title").textContent === "Seats over time" && document.querySelectorAll("path.steps").length === 1));
	}
	await browser.close();
	await db.end();
}

main().catch((error) => {
	console.log(error);
	process.exit(1);
});
