// receiver.js: receives what sender.js sends, and does something about each
// event once, however often it comes.
//
// Decides whom to believe (signature.js) and what is a repetition: the event_id
// of the body, which is signed, as its header is not. It is stored in the
// transaction that does the work, so that both happen or neither. Answers 2xx
// only after the commit: what is not confirmed comes again.
const http = require("node:http");
const { Pool } = require("pg");
const { verify } = require("./signature.js");

const env = process.env;
// The new one and the old one while they change, separated by a comma.
const secrets = (env.WEBHOOK_SECRET ?? "").split(",").filter(Boolean);
const limit = 1024 * 1024;
if (secrets.length === 0) throw new Error("WEBHOOK_SECRET is not set");

// CREATE TABLE received (event_id uuid PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), event jsonb NOT NULL)
// Who waits for longer is answered 500, and the request comes again.
const pool = new Pool({ max: 5, keepAlive: true, connectionTimeoutMillis: 4000, query_timeout: 4000 });
pool.on("error", (error) => console.error(`database: ${error.message}`));

async function handle(event, text) {
	const db = await pool.connect();
	let broken;
	try {
		await db.query("BEGIN");
		const { rowCount } = await db.query(
			"INSERT INTO received (event_id, event) VALUES ($1, $2) ON CONFLICT DO NOTHING", [event.event_id, text]);
		if (rowCount === 1) {
			// The first time: your own work goes here, through db.
		}
		await db.query("COMMIT");
	} catch (error) {
		broken = error;
		throw error;
	} finally {
		db.release(broken);			// with an error the connection is closed, which rolls back
	}
}

// The body's bytes, or undefined if there are too many.
async function read(request) {
	const chunks = [];
	let length = 0;
	for await (const chunk of request) {
		length += chunk.length;
		if (length <= limit) chunks.push(chunk);
	}
	return length <= limit ? Buffer.concat(chunks) : undefined;
}

async function answer(request) {
	if (request.method !== "POST") return 405;
	const body = await read(request);
	if (body === undefined) return 413;
	if (!verify(secrets, request.headers["cirro-signature"], body)) return 401;
	const text = body.toString();
	await handle(JSON.parse(text), text);
	return 204;
}

const server = http.createServer({ requestTimeout: 10000, connectionsCheckingInterval: 1000 }, async (request, response) => {
	try {
		response.writeHead(await answer(request)).end();
	} catch (error) {
		console.error(error.message);
		response.writeHead(500).end();
	}
});
server.listen(Number(env.PORT ?? 8080), env.HOST ?? "127.0.0.1", () => console.error(`listening on ${server.address().port}`));

for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => {
	server.close(() => pool.end());
	server.closeIdleConnections();
});
