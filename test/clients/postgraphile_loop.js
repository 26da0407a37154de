// test/clients/postgraphile_loop.js: the loop of loop.sql in GraphQL, through
// PostGraphile. Its own connection runs the waves, for PostGraphile calls
// functions and no procedures.
const http = require("http");
const { createPostGraphileSchema, postgraphile, withPostGraphileContext } = require("postgraphile");
const { graphql } = require("graphql");
const { Pool } = require("pg");
const { german, kinds, people, run, same, tomorrow, twoHoursLater } = require("./check.js");

run(async () => {
	const pool = new Pool();
	const schema = await createPostGraphileSchema(pool, ["trees"]);
	const ask = async (query, variables) => {
		const { data, errors } = await withPostGraphileContext({ pgPool: pool },
			(context) => graphql(schema, query, null, { ...context }, variables));
		if (errors) throw errors[0];
		return data;
	};
	const refused = (query, variables) => ask(query, variables).then(() => undefined, (error) => error.originalError);

	// JSON goes in and out as a text, unless dynamicJson says otherwise.
	for (const { ref, profile } of people) {
		await ask("mutation ($worker: WorkerInput!) { createWorker(input: { worker: $worker }) { worker { id } } }",
			{ worker: { ref, profile: JSON.stringify(profile) } });
	}
	const createGig = "mutation ($gig: GigInput!) { createGig(input: { gig: $gig }) { gig { id } } }";
	const plant = {
		title: "Plant trees", url: "https://trees.example/plant", totalSeats: 1, filterQuery: JSON.stringify(german),
		startAt: tomorrow.toISOString(), endAt: twoHoursLater.toISOString(),
	};
	const { createGig: { gig } } = await ask(createGig, { gig: { ...plant, ref: "plant" } });
	same("a bigint comes as a string", gig.id, "4000000001");

	const { preview: { results: [first] } } = await ask(
		"mutation ($filter: String) { preview(input: { filter: $filter }) { results { matching } } }",
		{ filter: JSON.stringify(german) });
	same("two match a filter", first.matching, "2");

	await pool.query("CALL cirro.run_waves('trees')");

	const list = `query ($ref: String) {
		allWorkerInvitations(condition: { workerRef: $ref }) { nodes { invitationId title canAccept } }
	}`;
	const { allWorkerInvitations: { nodes } } = await ask(list, { ref: "ada" });
	same("ada's list", nodes.map((row) => [row.title, row.canAccept]), [["Plant trees", true]]);
	const accept = "mutation ($id: BigInt) { accept(input: { invitationId: $id }) { invitation { status } } }";
	const accepted = await ask(accept, { id: nodes[0].invitationId });
	same("ada has accepted", accepted.accept.invitation.status, "accepted");

	const eve = (await ask(list, { ref: "eve" })).allWorkerInvitations.nodes[0];
	const filled = await refused(accept, { id: eve.invitationId });
	same("eve's accept says what is so and what to do", [filled.code, filled.message, filled.detail, filled.hint],
		["UG011", "gig 4000000001 is filled", "It has 1 seat.", "Wait until a worker leaves, or raise the seats of the gig."]);
	const bad = await refused(createGig,
		{ gig: { ...plant, title: "Ends before it starts", startAt: plant.endAt, endAt: plant.startAt } });
	same("a bad gig names its field", [bad.code, bad.schema, bad.table, bad.column, bad.constraint],
		["23514", "trees", "gig", "end_at", "gig_end_at_check"]);

	// Over HTTP an error is a message alone, unless extendedErrors names more; with
	// dynamicJson JSON is no text.
	const overHttp = async (options, filterQuery) => {
		const server = http.createServer(postgraphile(pool, ["trees"], { disableQueryLog: true, ...options }));
		await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
		const answer = await fetch(`http://127.0.0.1:${server.address().port}/graphql`, {
			method: "POST", headers: { "Content-Type": "application/json", Connection: "close" },
			body: JSON.stringify({
				query: createGig,
				variables: { gig: { ...plant, title: "Ends before it starts", filterQuery, startAt: plant.endAt, endAt: plant.startAt } },
			}),
		}).then((response) => response.json());
		server.close();
		const { message, errcode, column, constraint } = answer.errors[0];
		return [message, errcode, column, constraint];
	};
	same("over HTTP there is the message", await overHttp({}, plant.filterQuery),
		["a gig must end after it starts", undefined, undefined, undefined]);
	same("and what extendedErrors names",
		await overHttp({ dynamicJson: true, extendedErrors: ["errcode", "detail", "hint", "column", "constraint"] }, german),
		["a gig must end after it starts", "23514", "end_at", "gig_end_at_check"]);

	const claim = "mutation { claimNotifications(input: { max: 100 }) { results { claim id kind } } }";
	const { claimNotifications: { results } } = await ask(claim);
	same("what is claimed", results.map((row) => row.kind).sort(), kinds);
	const confirmed = await ask(`mutation ($claim: BigInt, $ids: [BigInt]) {
		confirmNotifications(input: { claim: $claim, ids: $ids }) { integer }
	}`, { claim: results[0].claim, ids: results.map((row) => row.id) });
	same("is confirmed, with strings as they came", confirmed.confirmNotifications.integer, 4);
	await pool.end();
});
